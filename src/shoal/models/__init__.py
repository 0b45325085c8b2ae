"""A trained model in use: rows of any table in, predictions out.

May import: `shoal.errors`, `shoal.inference`, `shoal.data`, `shoal.objectives`.

Start reading with `Model` in `model`. `cells` makes columns of what a user has, `files` reads what
``shoal export`` wrote, and `predicting` lends results and champions the same methods.
"""

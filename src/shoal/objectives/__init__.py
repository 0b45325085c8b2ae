"""What a training minimises (`losses`) and how its predictions are scored (`metrics`).

May import: `shoal.errors`, `shoal.numerics`.

Start reading with `losses`: one entry is one loss, and the registry below them lists all.
"""

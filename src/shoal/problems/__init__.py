"""What a genome means on a table of data: its training, its cost, and the record of both.

May import: shoal.errors, shoal.data, shoal.genome, shoal.nn, shoal.numerics, shoal.objectives,
shoal.pso, shoal.settings.
Start reading in `table` (a genome and a repeat become an evaluation). Then `evaluation` (what is
asked for, and the record of it) and `progress` (how far a training is).
"""

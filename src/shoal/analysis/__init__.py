"""What is said about recorded runs: summaries, comparisons, importance, lineage, costs.

May import: errors, numerics, genome, objectives, data, settings, problems, tuning, store, executors
and pso. It draws and prints nothing.
Start reading in `summary`; `evaluation_table` is what the analyses of genomes read from.
"""

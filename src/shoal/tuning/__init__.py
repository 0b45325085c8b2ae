"""The search: which genomes are tried, how repeats are spent on them, and which one is recommended.

May import: shoal.errors, shoal.data, shoal.genome, shoal.nn, shoal.numerics, shoal.objectives,
shoal.problems, shoal.pso, shoal.settings, shoal.update_rules.
Start reading in `search`, the state machine. It asks a sampler for genomes (`samplers.base`; the
genetic algorithm is `operators`) and a race for repeats (`racing`). `champion` is what a search
ends with, and `baselines` what it is compared with.
"""

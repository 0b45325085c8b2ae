"""Samplers propose the genomes of each generation: one file and one line of the registry for each.

May import: what shoal.tuning may, and of it only shoal.tuning.operators.
Start reading in `base`, the contract. The registry is `shoal.settings.samplers`; `registry` makes
the sampler that the settings name.
"""

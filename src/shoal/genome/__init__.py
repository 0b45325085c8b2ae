"""What the genetic algorithm changes: genomes, their genes, and the space of a search.

May import errors, nn and update_rules.

Start with genes.py, the one table of all genes, then genome.py.
"""

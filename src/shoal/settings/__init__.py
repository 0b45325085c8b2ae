"""The settings of a search, parsed once into one frozen object.

May import: shoal.errors, shoal.genome, shoal.objectives, and what these import.
Start reading in `search_settings`. Then `presets` (what each preset changes), `schedule` (how many
trainings, and how long), `phase` (what the number of a repeat means) and `samplers` (the registry).
"""

"""A run's life cycle."""

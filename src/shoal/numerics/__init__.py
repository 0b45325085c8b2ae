"""Random numbers, elementary functions and statistics."""

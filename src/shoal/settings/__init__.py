"""What a search is told."""

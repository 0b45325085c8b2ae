"""The genetic search and its rivals."""

"""A visitor's session."""

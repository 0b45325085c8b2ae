"""What a position means and what it costs."""

"""What is said about recorded runs."""

"""What the genetic algorithm changes."""

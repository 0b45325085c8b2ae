"""What a training minimises and how its predictions are scored."""

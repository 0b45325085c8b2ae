"""Samplers propose genomes."""

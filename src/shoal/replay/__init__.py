"""Recorded trainings run again."""

"""Processes, files and paths of the operating system."""

"""Shared by terminal, page and report."""

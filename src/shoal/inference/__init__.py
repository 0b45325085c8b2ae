"""Prediction without Shoal."""

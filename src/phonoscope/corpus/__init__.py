"""Aligned speech: reading it, and making it."""

"""Audio in, features out."""

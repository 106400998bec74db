"""How well clusters match phones."""

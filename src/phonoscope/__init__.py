"""See which phones each layer of an acoustic model has learned."""

__version__ = "0.1.0"

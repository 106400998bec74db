"""The formats of aligned speech, each a module with a `Format` of its own."""

"""Models that phonoscope did not train: what they are given, what their layers answer, and when."""

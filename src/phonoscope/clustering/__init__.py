"""k-medians and spectral clustering."""

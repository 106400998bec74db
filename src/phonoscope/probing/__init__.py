"""The panel of samples, and the activations that they cause."""

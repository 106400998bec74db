"""The phone recogniser: the network, its training, decoding."""

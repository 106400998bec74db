"""Adapters of networks that others trained; each file is all that `phonoscope probe` needs of one."""

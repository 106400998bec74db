"""What can be wrong with a corpus that can be read."""

"""What the layers know of phonology: classes and their names, hierarchies, filters."""

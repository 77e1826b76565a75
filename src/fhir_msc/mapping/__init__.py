"""How rows become trial records: the pack format, its compiler, transforms, units."""

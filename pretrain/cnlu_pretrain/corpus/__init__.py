"""A prepared corpus: tokens on disk, read as memory-mapped arrays."""

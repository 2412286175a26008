"""Which tokens are hidden and what stands in their place. NumPy only."""

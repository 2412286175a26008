"""What pretraining minimises (PyTorch)."""

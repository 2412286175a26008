"""The pretraining loop (PyTorch)."""

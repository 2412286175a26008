"""The objectives that pretraining minimizes (PyTorch)."""

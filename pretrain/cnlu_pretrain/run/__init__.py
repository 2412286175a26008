"""`cnlu pretrain run`: the training loop and what surrounds it (PyTorch)."""

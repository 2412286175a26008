"""`cnlu pretrain distill`: a small encoder that learns from a large one on plain text (PyTorch)."""

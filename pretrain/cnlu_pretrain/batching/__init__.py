"""Sentences of a corpus to batches of rows: packed, in training order, masked, as tensors."""

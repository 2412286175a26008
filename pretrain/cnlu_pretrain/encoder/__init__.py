"""The encoder that pretraining starts from and writes (transformers)."""

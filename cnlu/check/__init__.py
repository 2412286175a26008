"""Finding mistakes in examples before training."""

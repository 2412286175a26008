"""What is wrong with examples, found before training."""

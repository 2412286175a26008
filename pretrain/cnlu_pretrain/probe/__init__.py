"""Does pretraining help? Held-out accuracy beside the accuracy of a small NLU model, checkpoint by checkpoint."""

"""The dialogue side of cnlu: a trained model at work in a bot."""

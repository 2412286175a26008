"""`cnlu adapt`: adapts an encoder to text and keeps it only where models on it get better."""

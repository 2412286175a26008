"""Evaluates an encoder: on held-out text, by an NLU model on top of it, and as a page with the results."""

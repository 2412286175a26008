"""Continued pretraining of a character-level Chinese encoder on domain text."""

"""Words that may stand for one another."""

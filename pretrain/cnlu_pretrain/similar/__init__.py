"""Tables of similar words: made from vectors, text or lists, and read by the masker."""

"""Turns the sentences of a corpus into batches: packs them into rows, orders and masks the rows, makes tensors."""

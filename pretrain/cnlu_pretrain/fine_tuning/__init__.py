"""Compares encoders by the models that `cnlu train` fine-tunes on them."""

"""`cnlu pretrain probe`: compares encoders."""

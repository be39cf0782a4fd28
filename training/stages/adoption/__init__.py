"""A pipeline that was fitted elsewhere, from its file to the model store."""

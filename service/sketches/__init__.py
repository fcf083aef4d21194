"""A first page of the dictionary for a file of which there is no table yet."""

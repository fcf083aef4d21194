"""Where objects are kept by name, whole or not at all: a folder, or object storage."""

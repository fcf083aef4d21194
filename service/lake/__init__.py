"""The lake: changes on object storage, in segments that never change, for other engines to read."""

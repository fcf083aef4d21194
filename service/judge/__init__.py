"""Judges rows in Python: each on its own, together with other rows, and stored rows again."""

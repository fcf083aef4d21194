"""Gatehouse: one rulebook, every door."""

__version__ = "0.1.0"

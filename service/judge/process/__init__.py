"""Judges large bodies in a second process: judging and writing go on at the same time."""

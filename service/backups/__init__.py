"""Backups as Avro files: written, kept, checked and restored."""

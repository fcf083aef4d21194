"""Bytes to rows and back: request bodies, CSV, Avro. Knows no engine and no table of record."""

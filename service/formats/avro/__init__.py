"""Avro object container files: rows of a table as Arrow record batches, written and read."""

"""The contract of a table, in the words of other tools: JSON Schema, Avro, ODCS."""

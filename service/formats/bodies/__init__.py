"""Bodies of requests: JSON, NDJSON, CSV and MessagePack to rows."""

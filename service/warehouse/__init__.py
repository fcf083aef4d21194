"""The warehouse: one DuckDB file, its one writer, the ids it knows, its books."""

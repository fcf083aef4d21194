"""The SQL engine under the warehouse: what it has to offer, and DuckDB, which offers it."""

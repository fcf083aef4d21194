"""All that knows dbt: running it, what its macros call, stopping it."""

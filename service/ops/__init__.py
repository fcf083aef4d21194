"""The schema `ops`: what the warehouse records of itself, and the queries on it."""

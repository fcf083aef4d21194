"""The ways in and out of the warehouse, one file each."""

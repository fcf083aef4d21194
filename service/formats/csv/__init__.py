"""CSV files of any dialect and size: what dialect they have, and their lines as Arrow columns."""

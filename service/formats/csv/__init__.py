"""CSV files of any dialect and size: which dialect they have, their lines as Arrow columns."""

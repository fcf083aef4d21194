"""CSV files of any shape and size: what shape they have, and their lines as Arrow columns."""

"""The warehouse's one writer and its transaction, and the rows that it has."""

"""The outbox: each commit also records what it has changed, until that is in the lake."""

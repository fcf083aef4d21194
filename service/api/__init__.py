"""The HTTP contract, version 1: thin controllers over the service's parts."""

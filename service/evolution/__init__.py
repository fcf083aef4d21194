"""What a dictionary that has changed does to a warehouse: counted beforehand, and then done."""

"""Reports: what the dictionary says of a mart, asked with the parameters of a request."""

"""The door for requests: bodies are decoded, each row is judged by the dictionary on its own."""

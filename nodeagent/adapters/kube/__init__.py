"""The API server: the connection to it, and what the node reads of it."""

"""Records in: thin, from record to message to service to commit."""

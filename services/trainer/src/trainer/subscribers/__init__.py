"""Records in, calls of the service, offsets committed."""

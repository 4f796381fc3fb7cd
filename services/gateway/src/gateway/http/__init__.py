"""The HTTP API: thin, from request to service to response."""

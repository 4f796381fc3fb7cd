"""The HTTP API: routes, the formats of their requests and responses, and the application."""

"""The routes, one module per resource: from the request to the service to the response."""

"""The HTTP server side that every service shares: connections, browsers, problem documents."""

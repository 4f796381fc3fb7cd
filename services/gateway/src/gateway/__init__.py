"""HTTP in, Kafka out, one waiter per request."""

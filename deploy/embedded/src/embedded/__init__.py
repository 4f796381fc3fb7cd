"""A real single-node Apache Kafka and all services under a supervisor, from packages alone."""

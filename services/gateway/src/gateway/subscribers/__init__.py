"""Kafka records, parsed and passed to the services."""

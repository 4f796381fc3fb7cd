"""Kafka, decided once: settings, clients, topics, readers."""

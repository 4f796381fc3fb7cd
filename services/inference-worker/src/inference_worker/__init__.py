"""Kafka in, OpenVINO, Kafka out."""

"""Logs, metrics and health, alike in every service."""

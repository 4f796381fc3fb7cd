"""Requests and responses as bytes: bodies, multipart forms, problem documents."""

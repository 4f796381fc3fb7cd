"""Thin: request → service → response."""

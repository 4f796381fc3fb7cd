"""Thin: record → message → service → commit. The registry reads no topic yet."""

"""Thin: record → message → service → commit; and the hour that strikes."""

"""Decisions: values in, a decision out; no I/O, no clock."""

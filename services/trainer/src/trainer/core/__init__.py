"""Decisions of training: labels, splits, views, heads, calibration. No I/O, no clock."""

"""Predict many images: find them, predict them concurrently, write results that can resume."""

"""The outside world, a file per thing we call."""

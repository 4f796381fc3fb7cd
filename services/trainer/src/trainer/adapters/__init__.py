"""The outside world, a file per thing that training calls."""

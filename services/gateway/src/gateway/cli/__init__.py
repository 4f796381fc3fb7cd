"""The commands: serve, which is what no command means, and the keeping of API keys."""

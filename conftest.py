"""Every test may ask for a real broker."""

pytest_plugins = ["embedded.testing"]

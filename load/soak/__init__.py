"""A soak: load on a running stack, and a verdict on what it did to it."""

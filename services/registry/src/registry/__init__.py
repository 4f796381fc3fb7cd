"""The registry: the only writer of state, and the one that tells of models."""

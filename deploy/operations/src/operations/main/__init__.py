"""The composition roots: one file a command, the only places where parts meet."""

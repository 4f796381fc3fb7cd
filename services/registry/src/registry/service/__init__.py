"""The story: ask core, use the ports; each change and its events commit together."""

"""ASGI middleware in front of every route: keys, rates, slow bodies, browsers, metrics."""

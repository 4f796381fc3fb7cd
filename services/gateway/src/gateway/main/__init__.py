"""The composition root: the only place where the gateway's parts meet."""

from gateway.main.serving import Gateway, build, run, serve_gateway

__all__ = ["Gateway", "build", "run", "serve_gateway"]

"""The composition root: the only place where the gateway's components meet."""

from gateway.main.serving import Gateway, build_gateway, run_gateway, serve_gateway

__all__ = ["Gateway", "build_gateway", "run_gateway", "serve_gateway"]

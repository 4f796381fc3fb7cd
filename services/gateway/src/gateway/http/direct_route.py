"""A route whose endpoint takes the request and gives the response, with nothing in between."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class DirectRoute(APIRoute):
    """Documented like any route, but without FastAPI's reading of parameters and bodies.

    For the hot path, whose endpoints read the request themselves: resolving no dependencies costs
    FastAPI as much as parsing the upload. The endpoint's only parameter must be the request.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give the endpoint itself."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint

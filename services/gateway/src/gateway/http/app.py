"""The gateway's HTTP application, out of its routers."""

from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from gateway.http.formats.problems import install_problem_handlers
from gateway.http.openapi import DescribedApp
from shared.http.api_page import PATH, add_api_page

VERSION = version("pneumostream-gateway")

_DESCRIPTION = """Chest radiographs in, calibrated class probabilities out, over Apache Kafka.

**Research software. Not a medical device; no answer is a diagnosis.**"""


def new_app(*routers: APIRouter) -> FastAPI:
    """Put the routers together; every error they let out is a problem document."""
    app = DescribedApp(
        title="PneumoStream",
        version=VERSION,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # Without a body, a redirect tells a client that does not follow it nothing.
        redirect_slashes=False,
        # Of our own there is all of it, with the worker's part (measuring.py, tracing.py).
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for router in routers:
        app.include_router(router)
    add_api_page(app)
    app.add_route("/", _lead_to_the_api_page, include_in_schema=False)
    install_problem_handlers(app)
    return app


async def _lead_to_the_api_page(_: Request) -> Response:
    # Relative, so that it works below a proxy's prefix, too.
    return RedirectResponse(PATH.removeprefix("/"))

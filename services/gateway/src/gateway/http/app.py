"""The gateway's FastAPI application."""

from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from gateway.http.formats.problems import install_problem_handlers
from gateway.http.openapi import DescribedApp
from shared.http.api_page import PATH, add_api_page

VERSION = version("pneumostream-gateway")

_DESCRIPTION = """Classifies chest X-ray images, with calibrated probabilities, over Apache Kafka.

**Research software. Not a medical device; no answer is a diagnosis.**"""


def new_app(*routers: APIRouter) -> FastAPI:
    """Make the app of these routers; every error response is a problem document."""
    app = DescribedApp(
        title="PneumoStream",
        version=VERSION,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        # A redirect has no body, so a client that does not follow it gets no explanation.
        redirect_slashes=False,
        # The gateway has its own (request_metrics.py, request_tracing.py).
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for router in routers:
        app.include_router(router)
    add_api_page(app)
    app.add_route("/", _redirect_to_api_page, include_in_schema=False)
    install_problem_handlers(app)
    return app


async def _redirect_to_api_page(_: Request) -> Response:
    # Relative, so that it works below a proxy's prefix, too.
    return RedirectResponse(PATH.removeprefix("/"))

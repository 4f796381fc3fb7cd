"""The API documentation page, with every file served by this process.

FastAPI's own page loads a floating version of Swagger UI from a CDN: code of others with all rights
of the API's origin, and a blank page without a network.
"""

from html import escape
from importlib.resources import files

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

PATH = "/docs"

_PACKAGE = "fastapi_swagger"  # only its copy of swagger-ui-dist is used
_FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
_START = "start.js"
_SCRIPT = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
"""
_HEADERS = {
    # Swagger UI sets styles on elements and draws with data: images.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# Relative, so that it works below a proxy's prefix, too.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""


def add_api_page(app: FastAPI) -> None:
    """Serve /docs and its files. The app is made with `docs_url=None, redoc_url=None`."""
    content = _PAGE.format(title=escape(app.title))
    folder = files(_PACKAGE) / "resources"

    async def page(_: Request) -> Response:
        return HTMLResponse(content, headers=_HEADERS)

    async def file(request: Request) -> Response:
        name = request.path_params["file"]
        if name == _START:
            return Response(_SCRIPT, headers=_HEADERS, media_type="text/javascript")
        if name not in _FILES:
            raise HTTPException(404)
        return FileResponse(str(folder / name), headers=_HEADERS, media_type=_FILES[name])

    app.add_route(PATH, page, include_in_schema=False)
    app.add_route(f"{PATH}/{{file}}", file, include_in_schema=False)

"""The table of routes and the scopes they require; a path outside of it is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class KeyScope(StrEnum):
    """A permission of a key; none includes another."""

    PREDICT = "predict"
    UPLOAD = "upload"
    TRAIN = "train"
    ADMIN = "admin"


class Public(StrEnum):
    """Routes without a scope. ANY_KEY: any valid key is enough. OPEN: no key is needed."""

    OPEN = "open"
    ANY_KEY = "any key"


Need = KeyScope | Public

ROUTES: Mapping[str, Mapping[str, Need]] = {
    "/predict": {"POST": KeyScope.PREDICT},
    "/v1/predictions": {"POST": KeyScope.PREDICT},
    "/v1/predictions/{id}": {"GET": KeyScope.PREDICT},
    "/upload-data": {"POST": KeyScope.UPLOAD},
    "/v1/uploads": {"POST": KeyScope.UPLOAD},
    "/retrain": {"POST": KeyScope.TRAIN},
    "/v1/jobs": {"GET": Public.ANY_KEY, "POST": KeyScope.TRAIN},
    "/v1/jobs/{id}": {"GET": Public.ANY_KEY},
    "/v1/jobs/{id}/events": {"GET": Public.ANY_KEY},
    "/v1/jobs/{id}/cancel": {"POST": KeyScope.TRAIN},
    "/v1/dataset": {"GET": Public.ANY_KEY},
    "/v1/dataset/insights": {"GET": Public.ANY_KEY},
    "/v1/dataset/images": {"GET": Public.ANY_KEY, "DELETE": KeyScope.ADMIN},
    # A patient's image: for those who decide on its label.
    "/v1/dataset/images/{sha256}/thumbnail": {"GET": KeyScope.ADMIN},
    "/v1/dataset/images/{sha256}": {
        "GET": Public.ANY_KEY,
        "PATCH": KeyScope.ADMIN,
        "DELETE": KeyScope.ADMIN,
    },
    "/v1/models": {"GET": Public.ANY_KEY},
    "/v1/models/current": {"GET": Public.ANY_KEY},
    "/v1/models/rollback": {"POST": KeyScope.ADMIN},
    "/v1/models/{version}": {"GET": Public.ANY_KEY},
    "/v1/models/{version}/insights": {"GET": Public.ANY_KEY},
    "/v1/models/{version}/promote": {"POST": KeyScope.ADMIN},
    "/status": {"GET": Public.ANY_KEY},
    "/metrics": {"GET": Public.ANY_KEY},
    "/": {"GET": Public.ANY_KEY},
    "/docs": {"GET": Public.ANY_KEY},
    "/docs/{file}": {"GET": Public.ANY_KEY},
    "/openapi.json": {"GET": Public.ANY_KEY},
    "/v2": {"GET": Public.ANY_KEY},
    "/v2/models/{name}": {"GET": Public.ANY_KEY},
    "/v2/models/{name}/ready": {"GET": Public.ANY_KEY},
    "/v2/models/{name}/infer": {"POST": KeyScope.PREDICT},
    "/v2/models/{name}/versions/{version}": {"GET": Public.ANY_KEY},
    "/v2/models/{name}/versions/{version}/ready": {"GET": Public.ANY_KEY},
    "/v2/models/{name}/versions/{version}/infer": {"POST": KeyScope.PREDICT},
    "/v2/repository/index": {"POST": Public.ANY_KEY},
    "/v2/health/live": {"GET": Public.OPEN},
    "/v2/health/ready": {"GET": Public.OPEN},
    "/health/live": {"GET": Public.OPEN},
    "/health/ready": {"GET": Public.OPEN},
}

UPLOAD_PATHS = tuple(path for path, needs in ROUTES.items() if KeyScope.UPLOAD in needs.values())
"""Paths with large bodies."""


@dataclass(frozen=True, slots=True)
class Known:
    """A route of the table. path: its template, as metrics name it."""

    path: str
    need: Need


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """A path of the table with a method that it does not have."""

    path: str
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """A path outside of the table."""


_VARIABLE = re.compile(r"\\\{[a-z0-9]+\\\}")
_PATTERNS = tuple(
    (re.compile(_VARIABLE.sub("[^/]+", re.escape(path))), path) for path in ROUTES if "{" in path
)


def find_route(method: str, path: str) -> Known | WrongMethod | Absent:
    """Find a route; fixed paths come before those with a variable. HEAD counts as GET."""
    template = _template_of(path)
    if template is None:
        return Absent()
    needs = ROUTES[template]
    need = needs.get("GET" if method == "HEAD" else method)
    return WrongMethod(template, tuple(sorted(needs))) if need is None else Known(template, need)


def _template_of(path: str) -> str | None:
    if path in ROUTES and "{" not in path:
        return path
    return next((template for pattern, template in _PATTERNS if pattern.fullmatch(path)), None)

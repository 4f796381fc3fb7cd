"""Problem documents (RFC 9457) as responses, for every service and for what lies below one."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"

PROBLEM_CODE = "pneumo.problem_code"
"""Key of a request's scope: the code of the problem that answered it."""


class ProblemResponse(Response):
    """A problem document; notes its code in the request's scope, for metrics.

    extra: members of this problem alone.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        body = {
            "type": f"urn:pneumostream:error:{code}",
            "title": status.phrase,
            "status": status.value,
            "code": code,
            "detail": detail,
            **(extra or {}),
        }
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        super().__init__(content, status.value, headers, MEDIA_TYPE)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        scope[PROBLEM_CODE] = self._code
        await super().__call__(scope, receive, send)

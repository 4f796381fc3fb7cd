"""PUT of the files that a manifest will name."""

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import JSONResponse

from registry.core.refusals import Refuse, RegistryCode
from registry.http.bodies import refuse_too_large
from registry.http.paths import Digest
from registry.http.problems import ProblemWriter, problem_responses
from registry.service.models import ModelService
from shared.contracts.errors import ErrorCode


def new_artifacts_router(
    service: ModelService, problems: ProblemWriter, *, max_bytes: int
) -> APIRouter:
    """Serve the upload. max_bytes: largest artifact taken."""
    router = APIRouter(tags=["artifacts"])

    @router.put(
        "/v1/artifacts/{sha256}",
        status_code=status.HTTP_201_CREATED,
        responses={
            200: {"description": "The same bytes were there already."},
            **problem_responses(
                ErrorCode.MALFORMED_REQUEST,
                ErrorCode.TOO_LARGE,
                RegistryCode.CHECKSUM_MISMATCH,
                RegistryCode.STORAGE_UNAVAILABLE,
            ),
        },
    )
    async def put_artifact(sha256: Digest, request: Request) -> Response:
        """Store one file under the sha256 of its bytes; idempotent."""
        refusal = refuse_too_large(request, max_bytes)
        if refusal is not None:
            return problems.respond(refusal)
        stored = await service.store_artifact(sha256, request.stream())
        if isinstance(stored, Refuse):
            return problems.respond(stored)
        body = {"sha256": sha256, "size_bytes": stored.size_bytes}
        code = status.HTTP_201_CREATED if stored.created else status.HTTP_200_OK
        return JSONResponse(body, status_code=code)

    return router

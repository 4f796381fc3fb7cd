"""Bundles, file by file, resumable."""

import asyncio
import re
from pathlib import Path

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import FileResponse

from registry.core.refusals import Refuse, RegistryCode
from registry.http.problems import ProblemWriter, problem_responses
from registry.service.models import BundleFile, ModelService
from shared.contracts.errors import ErrorCode

_OPEN_RANGE = re.compile(r"bytes=(\d+)-\d*")
_FOREVER = "public, max-age=31536000, immutable"
_OCTETS = "application/octet-stream"


def new_bundle_files_router(service: ModelService, problems: ProblemWriter) -> APIRouter:
    """Serve the files of every registered version."""
    router = APIRouter(tags=["models"])

    @router.get(
        "/v1/models/{version}/files/{name}",
        response_class=Response,
        responses={
            200: {"content": {_OCTETS: {}}},
            206: {"description": "The range asked for."},
            304: {"description": "If-None-Match names what is there."},
            **problem_responses(
                ErrorCode.NOT_FOUND,
                RegistryCode.RANGE_NOT_SATISFIABLE,
                RegistryCode.STORAGE_UNAVAILABLE,
            ),
        },
    )
    async def bundle_file(version: str, name: str, request: Request) -> Response:
        """One file, by the name that the manifest gives it; ETag is its sha256."""
        file = await service.bundle_file(version, name)
        if isinstance(file, Refuse):
            return problems.respond(file)
        headers = {"ETag": f'"{file.sha256}"', "Cache-Control": _FOREVER}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
        if isinstance(file.content, bytes):  # a manifest: small, so always whole
            return Response(file.content, headers=headers, media_type="application/json")
        if _starts_behind_end(request, file):
            refusal = Refuse(
                RegistryCode.RANGE_NOT_SATISFIABLE, f"The file has {file.size_bytes} bytes."
            )
            return problems.respond(refusal, {"Content-Range": f"bytes */{file.size_bytes}"})
        if not await asyncio.to_thread(_is_whole, file.content, file.size_bytes):
            refusal = Refuse(
                RegistryCode.STORAGE_UNAVAILABLE,
                f"File {name!r} of version {version!r} is not whole on the registry's disk.",
            )
            return problems.respond(refusal)
        return FileResponse(file.content, headers=headers, media_type=_OCTETS)

    return router


def _starts_behind_end(request: Request, file: BundleFile) -> bool:
    asked = _OPEN_RANGE.fullmatch(request.headers.get("range", ""))
    return asked is not None and int(asked[1]) >= file.size_bytes


def _is_whole(path: Path, size_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes

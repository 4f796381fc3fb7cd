"""Bundles, file by file, resumable."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import StreamingResponse

from registry.core.refusals import Refuse, RegistryCode
from registry.http.byte_ranges import BehindEnd, ByteRange, choose_bytes
from registry.http.problems import ProblemWriter, problem_responses
from registry.service.models import BundleFile, ModelService
from shared.contracts.errors import ErrorCode

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
        etag = f'"{file.sha256}"'
        headers = {"ETag": etag, "Cache-Control": _FOREVER}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
        if file.content is not None:  # a manifest: small, so always whole
            return Response(file.content, headers=headers, media_type="application/json")
        chosen = choose_bytes(_range_of(request, etag), file.size_bytes)
        if isinstance(chosen, BehindEnd):
            refusal = Refuse(
                RegistryCode.RANGE_NOT_SATISFIABLE, f"The file has {file.size_bytes} bytes."
            )
            return problems.respond(refusal, {"Content-Range": f"bytes */{file.size_bytes}"})
        if not await service.is_whole(file):
            refusal = Refuse(
                RegistryCode.STORAGE_UNAVAILABLE,
                f"File {name!r} of version {version!r} is not whole in the registry's storage.",
            )
            return problems.respond(refusal)
        return _answer(file, chosen, service, headers)

    return router


def _range_of(request: Request, etag: str) -> str | None:
    """Give the Range header, unless it is about a file that has changed."""
    is_about_this = request.headers.get("if-range", etag) == etag
    return request.headers.get("range") if is_about_this else None


def _answer(
    file: BundleFile, chosen: ByteRange | None, service: ModelService, headers: dict[str, str]
) -> Response:
    part = chosen or ByteRange(0, file.size_bytes - 1)
    headers |= {"Accept-Ranges": "bytes", "Content-Length": str(part.size_bytes)}
    if chosen is not None:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{file.size_bytes}"
    return StreamingResponse(
        _cut(service.read(file, part.first), part.size_bytes),
        status.HTTP_200_OK if chosen is None else status.HTTP_206_PARTIAL_CONTENT,
        headers,
        media_type=_OCTETS,
    )


async def _cut(blocks: AsyncIterator[bytes], size_bytes: int) -> AsyncIterator[bytes]:
    """Give the first bytes of a stream, and ask for no more."""
    async for block in blocks:
        yield block[:size_bytes]
        size_bytes -= len(block)
        if size_bytes <= 0:
            return

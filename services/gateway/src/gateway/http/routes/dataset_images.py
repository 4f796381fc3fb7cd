"""/v1/dataset/images: listing and deleting many images, passed on to the registry."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from gateway.http.formats.problems import ProblemError, problem_responses, success_responses
from gateway.http.formats.responses import json_response
from shared.contracts.dataset import (
    MAX_PAGE_IMAGES,
    Cursor,
    DatasetPage,
    DeletedImages,
    Label,
    Word,
)
from shared.contracts.errors import ErrorCode
from shared.control_client import ControlClient

_PATH = "/v1/dataset/images"
_PROBLEMS = problem_responses(ErrorCode.MALFORMED_REQUEST, ErrorCode.REGISTRY_UNAVAILABLE)
_Label = Annotated[Label | None, Query(description="Only images of this class.")]
_Source = Annotated[Word | None, Query(description="Only images of this source.")]
_Upload = Annotated[Word | None, Query(description="Only images of this upload.")]
_Conflict = Annotated[bool, Query(description="Only images with a label conflict.")]
_Limit = Annotated[int, Query(ge=1, le=MAX_PAGE_IMAGES, description="Images per page.")]
_Cursor = Annotated[Cursor | None, Query(description="`next` of the previous page.")]


def new_dataset_lists_router(control: ControlClient) -> APIRouter:
    """Serve lists of stored images, and deletions by upload or source."""
    router = APIRouter(tags=["dataset"])

    @router.get(_PATH, responses=success_responses(DatasetPage) | _PROBLEMS)
    async def list_images(
        *,
        label: _Label = None,
        source: _Source = None,
        upload: _Upload = None,
        conflict: _Conflict = False,
        limit: _Limit = 100,
        cursor: _Cursor = None,
    ) -> Response:
        """List the stored images, newest first, in pages; `next` is the next page's cursor."""
        query = _query(label=label, source=source, upload=upload, cursor=cursor)
        query |= {"limit": str(limit)} | ({"conflict": "true"} if conflict else {})
        return json_response((await control.dataset_images(query)).model_dump())

    @router.delete(_PATH, responses=success_responses(DeletedImages) | _PROBLEMS)
    async def delete_images(*, upload: _Upload = None, source: _Source = None) -> Response:
        """Delete the images of one upload or one source.

        A request deletes at most 200 images: repeat it while `left` is not 0.
        """
        query = _query(upload=upload, source=source)
        if not query:
            detail = "Pass upload, source or both. Deleting all images at once is not supported."
            raise ProblemError(ErrorCode.MALFORMED_REQUEST, detail)
        return json_response((await control.delete_images(query)).model_dump())

    return router


def _query(**values: Any) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}

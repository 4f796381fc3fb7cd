"""What pages show of dataset and model: passed on from the registry; pictures are made here."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from gateway.http.formats.problems import problem, problem_responses, success_responses
from gateway.http.routes.dataset import known_sha256
from gateway.http.routes.models import known_version
from gateway.service.thumbnails import Thumbnails
from shared.contracts.errors import ErrorCode
from shared.contracts.insights import DatasetInsights, ModelInsights
from shared.control_client import ControlClient
from shared.preprocessing import ImageError

_AWAY = problem_responses(ErrorCode.REGISTRY_UNAVAILABLE)
_MISSING = problem_responses(ErrorCode.NOT_FOUND) | _AWAY
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "Grey, 224 × 224.", "content": {"image/jpeg": {}}}
}
_UNSEEN = problem_responses(
    ErrorCode.EMPTY_FILE,
    ErrorCode.TOO_MANY_PIXELS,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.UNDECODABLE,
)
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_PREVALENCE = "Share of findings that `ppv` and `npv` are for; as in validation unless told."
Prevalence = Annotated[float | None, Query(gt=0.0, lt=1.0, description=_PREVALENCE)]


def new_insights_router(control: ControlClient, thumbnails: Thumbnails) -> APIRouter:
    """Serve what there is to see; whoever draws has nothing to compute."""
    router = APIRouter(tags=["insights"])

    @router.get("/v1/dataset/insights", responses=success_responses(DatasetInsights) | _AWAY)
    async def dataset_insights() -> Response:
        """Tell of the labelled images: how many, what a few look like, grey levels, edges."""
        return _json(await control.dataset_insights())

    @router.get(
        "/v1/dataset/images/{sha256}/thumbnail",
        response_class=Response,
        responses=_PICTURE | _MISSING | _UNSEEN,
    )
    async def thumbnail(sha256: str) -> Response:
        """Show a stored image, squashed as the model sees it: somebody's radiograph."""
        try:
            picture = await thumbnails.thumbnail(known_sha256(sha256))
        except ImageError as error:
            return problem(error.code, error.detail)
        return Response(picture, headers=_HEADERS, media_type="image/jpeg")

    @router.get(
        "/v1/models/{version}/insights", responses=success_responses(ModelInsights) | _MISSING
    )
    async def model_insights(version: str, prevalence: Prevalence = None) -> Response:
        """Tell what a version learned from, how, and what it is worth, at every threshold."""
        return _json(await control.model_insights(known_version(version), prevalence))

    return router


def _json(message: DatasetInsights | ModelInsights) -> Response:
    return Response(message.to_bytes(), media_type="application/json")

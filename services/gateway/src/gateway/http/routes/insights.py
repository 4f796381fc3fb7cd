"""Insights into dataset and model, passed on from the registry, and thumbnails made here."""

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
_PREVALENCE = "Share of findings for `ppv` and `npv`; by default that of the validation set."
Prevalence = Annotated[float | None, Query(gt=0.0, lt=1.0, description=_PREVALENCE)]


def new_insights_router(control: ControlClient, thumbnails: Thumbnails) -> APIRouter:
    """Serve insights as computed numbers, and thumbnails."""
    router = APIRouter(tags=["insights"])

    @router.get("/v1/dataset/insights", responses=success_responses(DatasetInsights) | _AWAY)
    async def dataset_insights() -> Response:
        """Return statistics of the labelled images: counts, samples, grey levels, edges."""
        return _json(await control.dataset_insights())

    @router.get(
        "/v1/dataset/images/{sha256}/thumbnail",
        response_class=Response,
        responses=_PICTURE | _MISSING | _UNSEEN,
    )
    async def thumbnail(sha256: str) -> Response:
        """Return a stored image, resized to the model's input. It is a patient's image."""
        try:
            jpeg = await thumbnails.render_thumbnail(known_sha256(sha256))
        except ImageError as error:
            return problem(error.code, error.detail)
        return Response(jpeg, headers=_HEADERS, media_type="image/jpeg")

    @router.get(
        "/v1/models/{version}/insights", responses=success_responses(ModelInsights) | _MISSING
    )
    async def model_insights(version: str, prevalence: Prevalence = None) -> Response:
        """Return a version's training data, training run, and validation at every threshold."""
        return _json(await control.model_insights(known_version(version), prevalence))

    return router


def _json(message: DatasetInsights | ModelInsights) -> Response:
    return Response(message.to_bytes(), media_type="application/json")

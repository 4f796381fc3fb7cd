"""What pages show of the dataset and of a model."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from registry.core.refusals import Refuse, RegistryCode
from registry.http.problems import ProblemWriter, problem_responses
from registry.service.dataset_insights import DatasetInsightService
from registry.service.model_insights import ModelInsightService
from shared.contracts.errors import ErrorCode
from shared.contracts.insights import DatasetInsights, ModelInsights

Prevalence = Annotated[float | None, Query(gt=0.0, lt=1.0)]


def new_insights_router(
    dataset: DatasetInsightService, models: ModelInsightService, problems: ProblemWriter
) -> APIRouter:
    """Serve insights; computed when they are asked for, and kept."""
    router = APIRouter(tags=["insights"])

    @router.get("/v1/dataset/insights", responses={200: {"model": DatasetInsights}})
    async def dataset_insights() -> Response:
        """Classes, samples, grey levels and edges of the images that a training would see."""
        return _json(await dataset.insights())

    @router.get(
        "/v1/models/{version}/insights",
        responses={
            200: {"model": ModelInsights},
            **problem_responses(
                ErrorCode.NOT_FOUND, ErrorCode.MALFORMED_REQUEST, RegistryCode.STORAGE_UNAVAILABLE
            ),
        },
    )
    async def model_insights(version: str, prevalence: Prevalence = None) -> Response:
        """What a version learned from, how, and what it is worth.

        prevalence: that PPV and NPV are for; as common as in validation unless told.
        """
        found = await models.insights(version, prevalence)
        return problems.respond(found) if isinstance(found, Refuse) else _json(found)

    return router


def _json(message: DatasetInsights | ModelInsights) -> Response:
    return Response(message.to_bytes(), media_type="application/json")

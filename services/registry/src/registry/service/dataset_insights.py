"""What the stored images look like; looked at once for each state of the dataset."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import structlog

from registry.core.dataset_insights import by_class, draw_images, tell
from registry.ports import (
    ArtifactsUnavailableError,
    ImageFiles,
    MeasuredImage,
    MeasuringError,
    PictureMeasures,
)
from registry.service.dataset import DatasetService
from shared.contracts.dataset import DatasetImage
from shared.contracts.insights import DatasetInsights, Measures

_log = structlog.get_logger(__name__)


class DatasetInsightService:
    """Insights of the images that a training would see. One look at a time, the last one kept.

    Raises StoreUnavailableError.
    """

    def __init__(
        self, dataset: DatasetService, files: ImageFiles, measuring: PictureMeasures
    ) -> None:
        self._dataset = dataset
        self._files = files
        self._measuring = measuring
        self._looking = asyncio.Lock()
        self._kept: DatasetInsights | None = None

    async def insights(self) -> DatasetInsights:
        """Tell of the present snapshot; without measures where they could not be taken now."""
        async with self._looking:
            snapshot = await self._dataset.snapshot()
            if self._kept is not None and self._kept.snapshot_sha256 == snapshot.sha256:
                return self._kept
            parts = by_class(snapshot)
            try:
                measures = await self._measure(tuple(parts), draw_images(parts))
            except (MeasuringError, ArtifactsUnavailableError) as error:
                _log.warning("images not measured", reason=str(error))
                return tell(snapshot, parts, Measures(complete=False))
            self._kept = tell(snapshot, parts, measures)
            return self._kept

    async def _measure(self, classes: Sequence[str], images: Sequence[DatasetImage]) -> Measures:
        if not images:
            return Measures()
        return await self._measuring.measure(classes, self._pictures(images))

    async def _pictures(self, images: Sequence[DatasetImage]) -> AsyncIterator[MeasuredImage]:
        for image in images:
            content = await self._files.load(image.sha256)
            yield MeasuredImage(
                content or b"", image.label
            )  # one that was lost cannot be read either

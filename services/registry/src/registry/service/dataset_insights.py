"""What the stored images look like; looked at once for each state of the dataset."""

import asyncio

import structlog

from registry.core.dataset_insights import by_class, draw_images, tell
from registry.ports import ImageFiles, MeasuringError, Picture, PictureMeasures
from registry.service.dataset import DatasetService
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
            pictures = [
                Picture(self._files.path(image.sha256), image.label) for image in draw_images(parts)
            ]
            try:
                measures = await self._measure(tuple(parts), pictures)
            except MeasuringError as error:
                _log.warning("images not measured", reason=str(error))
                return tell(snapshot, parts, Measures(complete=False))
            self._kept = tell(snapshot, parts, measures)
            return self._kept

    async def _measure(self, classes: tuple[str, ...], pictures: list[Picture]) -> Measures:
        return await self._measuring.measure(classes, pictures) if pictures else Measures()

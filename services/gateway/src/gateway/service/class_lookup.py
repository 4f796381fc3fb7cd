"""Which classes there are: those of the current model, and those that images are stored under."""

from typing import Protocol

from gateway.service.models import CurrentModelTracker
from shared.contracts.dataset import DatasetSummary


class DatasetCounts(Protocol):
    """The registry, as far as the dataset is counted."""

    async def dataset(self) -> DatasetSummary:
        """Count the stored images. Raises RegistryUnavailableError."""
        ...


class ClassLookup:
    """Tells a known class from a new one. Its methods raise RegistryUnavailableError."""

    def __init__(self, model: CurrentModelTracker, dataset: DatasetCounts) -> None:
        self._model = model
        self._dataset = dataset

    async def list_model_classes(self) -> tuple[str, ...]:
        """Return the current model's classes; none without a model."""
        return await self._model.classes()

    async def list_all_classes(self) -> tuple[str, ...]:
        """Return the model's classes, then those of the dataset that no model has learned yet."""
        known = await self._model.classes()
        stored = (await self._dataset.dataset()).by_class
        return (*known, *(label for label in stored if label not in known))

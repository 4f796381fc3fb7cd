"""The known classes: those of the current model, and those of stored images."""

from typing import Protocol

from gateway.service.models import CurrentModelTracker
from shared.contracts.dataset import DatasetSummary


class DatasetCounts(Protocol):
    """The registry's counts of the dataset."""

    async def dataset(self) -> DatasetSummary:
        """Count the stored images. Raises RegistryUnavailableError."""
        ...


class ClassLookup:
    """Lists the known classes. Its methods raise RegistryUnavailableError."""

    def __init__(self, model: CurrentModelTracker, dataset: DatasetCounts) -> None:
        self._model = model
        self._dataset = dataset

    async def list_model_classes(self) -> tuple[str, ...]:
        """Return the current model's classes; none without a model."""
        return await self._model.classes()

    async def list_all_classes(self) -> tuple[str, ...]:
        """Return the model's classes, then those of the dataset that the model does not have."""
        known = await self._model.classes()
        stored = (await self._dataset.dataset()).by_class
        return (*known, *(label for label in stored if label not in known))

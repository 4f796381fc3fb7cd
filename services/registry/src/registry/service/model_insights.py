"""What a model is worth, read out of its bundle; a version never changes, so it is kept."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from registry.core.model_insights import (
    CARD_FILE,
    HISTORY_FILE,
    MAX_FILE_BYTES,
    insights_of,
    read_card,
)
from registry.core.refusals import Refuse
from registry.ports import Artifacts
from registry.service.models import ModelService
from shared.contracts.bundle import Manifest
from shared.contracts.evaluation import EVALUATION_FILE, Evaluation
from shared.contracts.insights import ModelInsights

_KEPT = 16
"""Answers kept: a few hundred kB each."""

_Key = tuple[str, float | None]


class ModelInsightService:
    """Insights of the models that `models` knows, one computed at a time.

    Raises StoreUnavailableError and ArtifactsUnavailableError.
    """

    def __init__(self, models: ModelService, artifacts: Artifacts) -> None:
        self._models = models
        self._artifacts = artifacts
        self._kept: OrderedDict[_Key, ModelInsights] = OrderedDict()
        self._computing = asyncio.Lock()

    async def insights(self, version: str, prevalence: float | None) -> ModelInsights | Refuse:
        """Give what one version's bundle tells. prevalence: that PPV and NPV are for, 0..1."""
        record = await self._models.model(version)
        if isinstance(record, Refuse):
            return record
        key = record.bundle_sha256, prevalence
        async with self._computing:
            if key not in self._kept:
                files = await self._files(record.manifest)
                self._kept[key] = await asyncio.to_thread(
                    _insights, record.manifest, files, prevalence
                )
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]

    async def _files(self, manifest: Manifest) -> dict[str, bytes]:
        named = {name: manifest.files.get(name) for name in _FILES}
        return {
            name: await self._artifacts.load(entry.sha256)
            for name, entry in named.items()
            if entry is not None and entry.size_bytes <= MAX_FILE_BYTES
        }


_FILES = (CARD_FILE, HISTORY_FILE, EVALUATION_FILE)


def _insights(
    manifest: Manifest, files: Mapping[str, bytes], prevalence: float | None
) -> ModelInsights:
    card = files.get(CARD_FILE)
    return insights_of(
        manifest,
        card=None if card is None else read_card(card),
        history=_json_of(files.get(HISTORY_FILE)),
        evaluation=_evaluation_of(files.get(EVALUATION_FILE)),
        prevalence=prevalence,
    )


def _json_of(content: bytes | None) -> Any:
    try:
        return None if content is None else json.loads(content)
    except ValueError:
        return None


def _evaluation_of(content: bytes | None) -> Evaluation | None:
    try:
        return None if content is None else Evaluation.model_validate_json(content)
    except ValidationError:
        return None

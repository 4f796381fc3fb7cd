"""The current model and its record in the registry."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError

from gateway.ports import Announcements, ModelRegistry
from shared.contracts.models import ModelRecord
from shared.control_client import ControlRefusedError, RegistryUnavailableError
from shared.observability.error_words import kind_of

_log = structlog.get_logger(__name__)
_NOT_FOUND = 404
_RETRY_S = 2.0
_CARD: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


CARD_FILE = "card.json"
_MAX_CARD_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CurrentModelInfo:
    """The current model. classes: None while the registry is unavailable."""

    name: str
    version: str
    classes: tuple[str, ...] | None


class CurrentModelTracker:
    """The current model's record: announced by `models.events`, fetched once from the registry.

    A version is immutable, so a fetched record stays valid while the registry is down.
    """

    def __init__(self, name: str, registry: ModelRegistry, announcements: Announcements) -> None:
        self.name = name
        self._registry = registry
        self._announcements = announcements
        self._known: ModelRecord | None = None
        self._announced = asyncio.Event()

    def on_announced(self) -> None:
        """Wake `follow` after a new announcement."""
        self._announced.set()

    async def follow(self) -> None:
        """Fetch each announced model's record, until cancelled."""
        while True:
            await self._announced.wait()
            self._announced.clear()
            try:
                await self.record()
            except (RegistryUnavailableError, ControlRefusedError) as error:
                _log.warning("current model not fetched yet, retrying", reason=str(error))
                await asyncio.sleep(_RETRY_S)
                self._announced.set()

    async def present(self) -> CurrentModelInfo | None:
        """Return the current model; with the registry down, the announced one.

        Raises RegistryUnavailableError if nothing was announced either.
        """
        event = self._announcements.current_model(self.name)
        try:
            record = await self.record()
        except RegistryUnavailableError:
            if event is None:
                raise
            record = None
        if record is not None:
            return CurrentModelInfo(record.name, record.version, record.manifest.classes)
        return None if event is None else CurrentModelInfo(event.name, event.version, None)

    async def record(self) -> ModelRecord | None:
        """Return the current model's record, if any. Raises RegistryUnavailableError."""
        event = self._announcements.current_model(self.name)
        if event is None:
            return await _if_found(self._registry.current_model())
        known = self._known
        if known is None or known.bundle_sha256 != event.bundle_sha256:
            known = self._known = await _if_found(self._registry.model(event.version))
        return known

    async def classes(self) -> tuple[str, ...]:
        """Return the current model's classes; none without a model.

        Raises RegistryUnavailableError.
        """
        record = await self.record()
        return () if record is None else record.manifest.classes


async def read_card(registry: ModelRegistry, record: ModelRecord) -> dict[str, Any] | None:
    """Return a model's card, if its bundle has one that can be read."""
    entry = record.manifest.files.get(CARD_FILE)
    if entry is None or entry.size_bytes > _MAX_CARD_BYTES:
        return None
    try:
        return _CARD.validate_json(await registry.bundle_file(record.version, CARD_FILE))
    except (ControlRefusedError, RegistryUnavailableError, ValidationError) as error:
        # The model is returned without its card.
        _log.warning("model card could not be read", version=record.version, error=kind_of(error))
        return None


async def _if_found(asked: Awaitable[ModelRecord]) -> ModelRecord | None:
    try:
        return await asked
    except ControlRefusedError as error:
        if error.status == _NOT_FOUND:
            return None
        raise

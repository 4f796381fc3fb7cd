"""`models.events` in: the newest announcement is loaded, checked, and swapped in.

An announcement may be missed (a topic that was emptied, a reader that hangs), so the registry is
asked now and then which model is current; with the registry away the events alone go on counting.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

import structlog

from inference_worker.core.swaps import Keep, Serving, announcement_of, decide_swap
from inference_worker.ports import (
    BundleSource,
    EngineLoader,
    ModelRefusedError,
    ModelUnavailableError,
)
from inference_worker.service import InferenceService
from shared.contracts.models import ModelPromoted, ModelRecord
from shared.kafka.topic_reader import Record

_log = structlog.get_logger(__name__)
_RETRY_S = 2.0
_RETIRE_AFTER_S = 1.0


class SwapObserver(Protocol):
    """Hears of every swap and every refusal."""

    def model_swapped(self, record: ModelRecord, took_s: float) -> None:
        """`record` is served from now on; it took so long to fetch, load and check."""
        ...

    def model_refused(self, version: str, reason: str) -> None:
        """`version` failed its checks; the old model stays."""
        ...


class ModelFollower:
    """Keeps the worker on the current model: at start from the registry, then by event."""

    def __init__(
        self,
        name: str,
        bundles: BundleSource,
        loader: EngineLoader,
        service: InferenceService,
        loading: Executor,
        observer: SwapObserver,
        *,
        reconcile_every_s: float,
        step_back: Callable[[], None],
    ) -> None:
        """loading: one thread. step_back: run there once a model is served, before the next."""
        self._name = name
        self._bundles = bundles
        self._loader = loader
        self._service = service
        self._loading = loading
        self._observer = observer
        self._reconcile_every_s = reconcile_every_s
        self._step_back = step_back
        self._serving: Serving | None = None
        self._refused_sha256: str | None = None
        self._latest: ModelPromoted | None = None
        self._announced = asyncio.Event()

    def on_model_promoted(self, record: Record) -> None:
        """Note an announcement; only the newest counts. Raises ValueError on a foreign record."""
        if record.value is None:
            return
        self._latest = ModelPromoted.model_validate_json(record.value)
        self._announced.set()

    async def load_first(self) -> None:
        """Load the current model, however long the registry takes to have one."""
        while True:
            began_s = asyncio.get_running_loop().time()
            try:
                record, bundle = await self._bundles.current()
                await self._load(record, bundle, record.promoted_at_ms or 0, began_s)
            except (ModelUnavailableError, ModelRefusedError) as error:
                _log.warning("no model to serve yet", reason=str(error))
                await asyncio.sleep(_RETRY_S)
            else:
                break
        # From now on compiling must not take the CPUs from predictions.
        await asyncio.get_running_loop().run_in_executor(self._loading, self._step_back)

    async def follow(self) -> None:
        """Swap to each newly announced model until cancelled, and to one whose event was missed."""
        while True:
            try:
                async with asyncio.timeout(self._reconcile_every_s):
                    await self._announced.wait()
            except TimeoutError:
                await self._reconcile()
                continue
            self._announced.clear()
            if self._latest is not None:
                await self._consider(self._latest)

    async def _reconcile(self) -> None:
        try:
            record = await self._bundles.announced()
        except ModelUnavailableError as error:
            _log.debug("registry not asked", reason=str(error))
        else:
            await self._consider(announcement_of(record))

    async def _consider(self, event: ModelPromoted) -> None:
        decision = decide_swap(
            event,
            name=self._name,
            serving=self._serving,
            refused_sha256=self._refused_sha256,
        )
        if isinstance(decision, Keep):
            _log.debug("model kept", reason=decision.reason)
            return
        began_s = asyncio.get_running_loop().time()
        try:
            record, bundle = await self._bundles.fetch(decision.version)
            await self._load(record, bundle, event.promoted_at_ms, began_s)
        except ModelRefusedError as error:
            self._refused_sha256 = event.bundle_sha256
            self._observer.model_refused(event.version, str(error))
            _log.error("model refused", version=event.version, reason=str(error))
        except ModelUnavailableError as error:
            _log.warning("model not to be had yet", version=event.version, reason=str(error))
            await asyncio.sleep(_RETRY_S)
            self._announced.set()

    async def _load(
        self, record: ModelRecord, bundle: Path, promoted_at_ms: int, began_s: float
    ) -> None:
        loop = asyncio.get_running_loop()
        engine = await loop.run_in_executor(self._loading, self._loader.load, bundle)
        retired = [self._service.swap(engine)]
        self._serving = Serving(record.bundle_sha256, promoted_at_ms)
        self._observer.model_swapped(record, loop.time() - began_s)
        _log.info("model served", version=record.version)
        # Off the loop, where requests wait: disk, and the old engine's end, which takes as long as
        # ten images. A batch under way still holds it, so its end waits for that batch's.
        await loop.run_in_executor(self._loading, self._bundles.remember, record)
        if retired != [None]:
            await asyncio.sleep(_RETIRE_AFTER_S)
        await loop.run_in_executor(self._loading, retired.clear)

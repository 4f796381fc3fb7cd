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

from inference_worker.core.swaps import (
    Backoff,
    Keep,
    Refused,
    Serving,
    announcement_of,
    decide_swap,
    is_served,
    refuse,
)
from inference_worker.ports import (
    BundleSource,
    CacheFailedError,
    EngineLoader,
    ModelRefusedError,
    ModelUnavailableError,
)
from inference_worker.service import InferenceService
from shared.contracts.models import ModelPromoted, ModelRecord, RefusalCode
from shared.kafka.topic_reader import Record

_log = structlog.get_logger(__name__)
_RETRY_S = 2.0
_RETIRE_AFTER_S = 1.0
_MAX_RETRY_REFUSED_S = 900.0
_WITHOUT_MODEL = Backoff(first_s=_RETRY_S, max_s=60.0)
"""While nothing is served each attempt may be a whole download, and there is nothing to lose."""


class SwapObserver(Protocol):
    """Hears of every swap and every refusal."""

    def model_swapped(self, record: ModelRecord, took_s: float) -> None:
        """`record` is served from now on; it took so long to fetch, load and check."""
        ...

    def model_refused(self, version: str, code: RefusalCode) -> None:
        """`version` is current and could not be served; the model before stays."""
        ...

    def refusal_ended(self) -> None:
        """The current model is served, whatever was refused before."""
        ...

    def model_not_remembered(self) -> None:
        """A model is served, and a restart without the current one would not find it."""
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
        retry_refused_s: float,
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
        self._backoff = Backoff(retry_refused_s, max(retry_refused_s, _MAX_RETRY_REFUSED_S))
        self._refused: Refused | None = None
        self._refused_remembered: Refused | None = None
        self._latest: ModelPromoted | None = None
        self._announced = asyncio.Event()

    def on_model_promoted(self, record: Record) -> None:
        """Note an announcement; only the newest counts. Raises ValueError on a foreign record."""
        if record.value is None:
            return
        self._latest = ModelPromoted.model_validate_json(record.value)
        self._announced.set()

    async def load_first(self) -> None:
        """Serve the current model, or else the one remembered; wait for whichever comes first."""
        while True:
            await self._try_registry()
            if self._serving is None:
                await self._try_remembered()
            if self._serving is not None:
                break
            await asyncio.sleep(_RETRY_S)
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
        try:
            await self._swap_to(event, name=self._name)
        except ModelUnavailableError as error:
            _log.warning("model not to be had yet", version=event.version, reason=str(error))
            await asyncio.sleep(_RETRY_S)
            self._announced.set()

    async def _try_registry(self) -> None:
        """Serve the current model, whatever its name, if it can be had now."""
        try:
            event = announcement_of(await self._bundles.announced())
            await self._swap_to(event, name=event.name)
        except ModelUnavailableError as error:
            _log.warning("current model not available", reason=str(error))

    async def _try_remembered(self) -> None:
        """Serve the model that this worker served last; it passed its goldens here then."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._loading, self._bundles.remembered)
        if found is None:
            return
        record, bundle = found
        event, refused = announcement_of(record), self._refused_remembered
        decision = decide_swap(
            event, name=event.name, serving=None, refused=refused, now_s=loop.time()
        )
        if isinstance(decision, Keep):
            return
        try:
            await self._load(record, bundle, event.promoted_at_ms, loop.time())
        except ModelRefusedError as error:
            self._refused_remembered = self._refusal_of(event, error.code, refused)
            _log.error("remembered model refused", code=error.code.value, reason=str(error))
        else:
            _log.warning("the model served last is served again", version=record.version)

    async def _swap_to(self, event: ModelPromoted, *, name: str) -> None:
        """Serve what was announced if it is news, or note why not. Raises ModelUnavailableError."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        decision = decide_swap(
            event, name=name, serving=self._serving, refused=self._refused, now_s=began_s
        )
        if isinstance(decision, Keep):
            _log.debug("model kept", reason=decision.reason)
        else:
            try:
                record, bundle = await self._bundles.fetch(decision.version)
                await self._load(record, bundle, event.promoted_at_ms, began_s)
            except ModelRefusedError as error:
                self._refused = self._refusal_of(event, error.code, self._refused)
                self._observer.model_refused(event.version, error.code)
                _log.error(
                    "model refused",
                    version=event.version,
                    code=error.code.value,
                    reason=str(error),
                )
        self._note_served(event)

    def _note_served(self, event: ModelPromoted) -> None:
        if self._serving is None or not is_served(event, self._serving):
            return
        # Promoted again: what was announced in between is older than this.
        newest_ms = max(self._serving.promoted_at_ms, event.promoted_at_ms)
        self._serving = Serving(event.bundle_sha256, newest_ms)
        if self._refused is not None:
            self._refused = None
            self._observer.refusal_ended()

    def _refusal_of(
        self, event: ModelPromoted, code: RefusalCode, before: Refused | None
    ) -> Refused:
        now_s = asyncio.get_running_loop().time()
        backoff = _WITHOUT_MODEL if self._serving is None else self._backoff
        return refuse(event, code, before=before, now_s=now_s, backoff=backoff)

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
        try:
            await loop.run_in_executor(self._loading, self._bundles.remember, record)
        except CacheFailedError as error:
            self._observer.model_not_remembered()
            _log.error("served model not remembered", version=record.version, error=str(error))
        if retired != [None]:
            await asyncio.sleep(_RETIRE_AFTER_S)
        await loop.run_in_executor(self._loading, retired.clear)

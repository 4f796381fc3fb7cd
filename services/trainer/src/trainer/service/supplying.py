"""Stage: all that a job needs is brought to this disk and checked, then its order is written."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import structlog

from shared.clock import Clock
from shared.contracts.dataset import DatasetSnapshot
from shared.contracts.models import ModelRecord
from shared.contracts.train import Job, Mode
from shared.control_client import ControlClient, ControlRefusedError
from trainer.core.orders import JobError, JobOrder, candidate_version
from trainer.ports import DamagedSupplyError, Supplies
from trainer.service.registry_calls import insist

_log = structlog.get_logger(__name__)
_DAMAGED_BUNDLE = "The registry's copy of the current model is damaged."
_DAMAGED_IMAGE = "The registry's copy of an image of the dataset is damaged."
_TRIES = 3
_RETRY_S = 1.0
_AT_ONCE = 4
"""Images fetched at once, of 8 MiB each at the most."""


A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a trainer works.

    holder: its name on a lease, which runs ttl_s. poll_s: how often it looks for work by itself.
    data, weights: what mode full needs beside the uploads.
    """

    holder: str
    ttl_s: float
    poll_s: float
    cache: Path
    code_version: str
    data: Path | None
    weights: Path | None

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes that this trainer is configured for."""
        return ("fast",) if self.data is None or self.weights is None else ("fast", "full")


class Supplying:
    """Fetches bundle and images; what is here already is not fetched again."""

    def __init__(
        self, control: ControlClient, supplies: Supplies, clock: Clock, terms: Terms
    ) -> None:
        self._control = control
        self._supplies = supplies
        self._clock = clock
        self._terms = terms

    async def order(self, job: Job) -> JobOrder:
        """Give the order of a job once all that it names is here.

        Raises ControlRefusedError, JobError, OSError.
        """
        record = await insist(self._control.current_model)
        bundle = await _whole(self._supplies.fetch_bundle, record, _DAMAGED_BUNDLE)
        snapshot = await insist(self._control.snapshot)
        while not await self._fetch_images(snapshot):
            # An image was deleted meanwhile: only what is in the dataset now is learned from.
            snapshot = await insist(self._control.snapshot)
        return self._order(job, record, bundle, snapshot)

    def _order(
        self, job: Job, record: ModelRecord, bundle: Path, snapshot: DatasetSnapshot
    ) -> JobOrder:
        terms = self._terms
        stamp = datetime.fromtimestamp(job.requested_at_ms / 1000, UTC).strftime("%Y.%m.%d-%H%M%S")
        return JobOrder(
            job=job,
            snapshot=snapshot,
            current_sha256=record.bundle_sha256,
            bundle=str(bundle),
            images=str(self._supplies.images_folder),
            cache=str(terms.cache),
            version=candidate_version(job, stamp),
            code_version=terms.code_version,
            ordered_at_ms=self._clock.now_ms(),
            data=None if terms.data is None else str(terms.data),
            weights=None if terms.weights is None else str(terms.weights),
        )

    async def _fetch_images(self, snapshot: DatasetSnapshot) -> bool:
        """Say whether every image of the snapshot is here now. Raises ControlRefusedError."""
        names = [one.sha256 for one in snapshot.images]
        waiting = await asyncio.to_thread(self._supplies.missing, names)

        async def fetch() -> bool:
            while waiting:
                try:
                    await _whole(self._supplies.fetch_image, waiting.pop(), _DAMAGED_IMAGE)
                except ControlRefusedError as error:
                    if error.status != HTTPStatus.NOT_FOUND:
                        raise
                    return False
            return True

        return all(await asyncio.gather(*(fetch() for _ in range(_AT_ONCE))))


async def _whole(call: Callable[[A], Awaitable[T]], argument: A, sentence: str) -> T:
    """Fetch something again that came damaged, a few times: it may be so in the registry.

    Raises JobError with the sentence, and what `call` raises but RegistryUnavailableError.
    """
    for n in range(_TRIES):
        try:
            return await insist(call, argument)
        except DamagedSupplyError as error:
            _log.warning("supply came damaged", error=str(error))
            await asyncio.sleep(_RETRY_S * 2**n)
    raise JobError(sentence)

"""Attempts on a batch of requests: expired ones left out, the others decoded and classified."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from inference_worker.core.attempts import split_overdue
from inference_worker.core.decoding import decode
from inference_worker.core.requests import PredictRequest, triage
from inference_worker.core.retries import one_line
from inference_worker.ports import (
    BeginStep,
    Compute,
    Engine,
    StepOverdueError,
    StuckEngineError,
)
from inference_worker.service.classification import (
    Decode,
    DecodedBatch,
    Result,
    classify_batch,
    decode_batch,
)
from shared.clock import Clock
from shared.input_features import Features

__all__ = ["Decode", "InferenceService", "Result"]

OnSeen = Callable[[str, Sequence[Features]], None]
"""Called on the loop with the model version and the features of the images decoded for it."""


class InferenceService:
    """Turns N requests into N results; the engine can be exchanged between two batches."""

    def __init__(
        self,
        compute: Compute,
        large_decoding: Compute,
        clock: Clock,
        *,
        decode: Decode = decode,
        on_seen: OnSeen = lambda _version, _images: None,
    ) -> None:
        """large_decoding: decodes what is large, while `compute` does all the rest."""
        self._compute = compute
        self._large_decoding = large_decoding
        self._clock = clock
        self._decode = decode
        self._on_seen = on_seen
        self._engine: Engine | None = None
        self._in_flight = 0
        self._free = asyncio.Event()
        self._free.set()

    @property
    def engine(self) -> Engine | None:
        """The model that the next batch will use; None until one is loaded."""
        return self._engine

    @property
    def version(self) -> str | None:
        """The version of that model."""
        return None if self._engine is None else self._engine.manifest.version

    def swap(self, engine: Engine) -> Engine | None:
        """Serve with `engine` from the next batch on; a batch under way keeps its own.

        Gives the engine that was served before.
        """
        before, self._engine = self._engine, engine
        return before

    async def is_free(self, within_s: float) -> bool:
        """Tell whether a batch could begin now, or could within so long: return as soon as so."""
        try:
            async with asyncio.timeout(within_s):
                await self._free.wait()
        except TimeoutError:
            return False
        return True

    async def answer(self, requests: Sequence[PredictRequest]) -> list[Result]:
        """Give exactly one result for each request; expired ones are never decoded.

        A large image comes alone: in a batch it would hold up the others.
        Raises RuntimeError if no model is loaded: nothing may be consumed before.
        """
        engine = self._engine
        if engine is None:
            raise RuntimeError("no model is loaded")
        sorted_out = triage(requests, self._clock.now_ms())
        if not sorted_out.live:
            return list(sorted_out.expired)
        return [*sorted_out.expired, *await self._attempt(engine, sorted_out.live)]

    async def _attempt(self, engine: Engine, live: Sequence[PredictRequest]) -> list[Result]:
        try:
            batch, results = await self._computed(engine, live)
        except StepOverdueError as error:
            split = split_overdue(live, error.requests, one_line(error), in_engine=error.in_engine)
            if split is None:
                raise StuckEngineError(str(error)) from error
            quarantined, others = split
            # In a new thread: the stuck one keeps its image.
            answered = await self._attempt(engine, others) if others else []
            return [quarantined, *answered]
        self._on_seen(engine.manifest.version, batch.features)
        return results

    async def _computed(
        self, engine: Engine, live: Sequence[PredictRequest]
    ) -> tuple[DecodedBatch, list[Result]]:
        decode = partial(
            decode_batch,
            engine=engine,
            requests=live,
            clock=self._clock,
            decode=self._decode,
        )
        if live[0].is_large:
            batch = await self._large_decoding.run(decode)
            return await self._classified(engine, lambda _: batch, len(live))
        return await self._classified(engine, decode, len(live))

    async def _classified(
        self, engine: Engine, decode: Callable[[BeginStep], DecodedBatch], size: int
    ) -> tuple[DecodedBatch, list[Result]]:
        self._in_flight += size
        self._free.clear()
        # Under load every core has a batch of its own; a lone image would leave the others idle.
        alone = self._in_flight == 1

        def classify(begin_step: BeginStep) -> tuple[DecodedBatch, list[Result]]:
            batch = decode(begin_step)
            return batch, classify_batch(begin_step, engine, batch, self._clock, alone=alone)

        try:
            return await self._compute.run(classify)
        finally:
            self._in_flight -= size
            if not self._in_flight:
                self._free.set()

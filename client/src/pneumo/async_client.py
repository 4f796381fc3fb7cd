"""The client for programs that do other things while they wait."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, cast
from uuid import uuid4

import httpx

from pneumo import calls, dataset_calls
from pneumo.answers import (
    CurrentModel,
    Dataset,
    DatasetImage,
    DeletedImages,
    Health,
    ImagePage,
    Job,
    JobEvent,
    Model,
    ModelDetail,
    Pending,
    Prediction,
    UploadReport,
)
from pneumo.bodies import ImageSource, Progress, image_of
from pneumo.calls import Call, Explain, Mode, Policy
from pneumo.connection import http_options, new_request, resolve_url
from pneumo.dataset_calls import EVERY_IMAGE, ImageFilter
from pneumo.insights import DatasetInsights, ModelInsights
from pneumo.lines import AsyncLines
from pneumo.retries import RetryPolicy
from pneumo.status import Status
from pneumo.stories import Emit, NextLine, Open, Reply, Send, Sleep, Step, Story, Teller
from pneumo.uploads import UPLOAD_TIMEOUT_S, Labelling, images_of, zip_call

T = TypeVar("T")


class AsyncClient:
    """Calls the gateway as `Client` does, which says what arguments mean; for one event loop.

    Use it in an `async with` block.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = 60.0,
        max_connections: int = 32,
        retries: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic_s: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.url = resolve_url(url)
        self._tell = Teller(self.url, retries or RetryPolicy(), timeout_s, monotonic_s, chance)
        self._http = httpx.AsyncClient(
            transport=transport, **http_options(self.url, api_key, max_connections)
        )
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect."""
        await self._http.aclose()

    async def predict(
        self,
        image: ImageSource,
        *,
        explain: Explain | None = None,
        wait_s: float = 10.0,
        timeout_s: float | None = None,
        preview: bool = False,
    ) -> Prediction:
        """Ask for one prediction and wait for it. wait_s: how long the gateway may take.

        preview: the answer to a DICOM file has a small grey PNG of it.
        """
        call = calls.predict(image_of(image), explain=explain, wait_s=wait_s, preview=preview)
        return await self._send(call, timeout_s)

    async def submit(
        self, image: ImageSource, *, explain: Explain | None = None, wait_s: float = 60.0
    ) -> Pending:
        """Ask for one prediction. wait_s: after that it is of no use to anybody any more."""
        return await self._send(calls.submit(image_of(image), explain=explain, wait_s=wait_s))

    async def outcome(self, id: str) -> Prediction | Pending:  # noqa: A002  the wire's own word
        """Ask how a prediction ended, if it has; outcomes are kept for an hour."""
        return await self._send(calls.outcome(id))

    async def wait_for(self, id: str, *, timeout_s: float | None = None) -> Prediction:  # noqa: A002
        """Ask for an outcome until there is one. Raises DeadlineExceededError after timeout_s."""
        return await self._run(self._tell.wait_for(id, timeout_s))

    async def upload(
        self,
        images: Iterable[ImageSource],
        label: str,
        *,
        patient_id: str | None = None,
        source: str | None = None,
        new_class: bool = False,
        progress: Progress | None = None,
        timeout_s: float = UPLOAD_TIMEOUT_S,
    ) -> UploadReport:
        """Store labelled images for training; the same image again is stored once."""
        fields = Labelling(patient_id, source, new_class=new_class).fields(label)
        return await self._run(self._tell.upload(images_of(images), fields, progress, timeout_s))

    async def upload_zip(
        self,
        archive: str | Path,
        *,
        patient_id: str | None = None,
        source: str | None = None,
        new_class: bool = False,
        progress: Progress | None = None,
        timeout_s: float = UPLOAD_TIMEOUT_S,
    ) -> UploadReport:
        """Store the images of a ZIP; the label of each is its nearest folder that is a class."""
        labelling = Labelling(patient_id, source, new_class=new_class)
        return await self._send(zip_call(Path(archive), labelling, progress), timeout_s)

    async def dataset(self) -> Dataset:
        """Count the stored images."""
        return await self._send(calls.dataset())

    async def dataset_image(self, sha256: str) -> DatasetImage:
        """Give what is known of one stored image."""
        return await self._send(calls.dataset_image(sha256))

    async def list_images(
        self, wanted: ImageFilter = EVERY_IMAGE, *, limit: int = 100, cursor: str | None = None
    ) -> ImagePage:
        """Return a page of stored images, newest first; its `next` is the next page's cursor."""
        return await self._send(dataset_calls.list_images(wanted, limit, cursor))

    async def delete_images(self, wanted: ImageFilter) -> DeletedImages:
        """Delete at most 200 images of an upload or a source; repeat while some are `left`."""
        return await self._send(dataset_calls.delete_images(wanted))

    async def relabel(self, sha256: str, label: str) -> DatasetImage:
        """Decide on an image's label; a conflict over it ends."""
        return await self._send(calls.relabel(sha256, label))

    async def delete_image(self, sha256: str) -> None:
        """Remove an image from the dataset."""
        await self._send(calls.delete_image(sha256))

    async def dataset_insights(self) -> DatasetInsights:
        """Tell what the stored images look like: counts, grey levels, edges, and what they mean."""
        return await self._send(calls.dataset_insights())

    async def thumbnail(self, sha256: str) -> bytes:
        """Give a stored image, small, as a JPEG: somebody's radiograph, so the scope is `admin`."""
        return await self._send(calls.thumbnail(sha256))

    async def create_job(
        self,
        *,
        mode: Mode = "fast",
        policy: Policy = "auto",
        seed: int = 0,
        idempotency_key: str | None = None,
    ) -> Job:
        """Ask for a training and do not wait for it."""
        key = idempotency_key or str(uuid4())
        return await self._send(calls.create_job(mode=mode, policy=policy, seed=seed, key=key))

    retrain = create_job

    async def jobs(self, limit: int = 50) -> tuple[Job, ...]:
        """Give the newest jobs."""
        return await self._send(calls.jobs(limit))

    async def job_modes(self) -> tuple[str, ...] | None:
        """Return the modes that trainers offer; None where this is unknown."""
        return await self._send(calls.job_modes())

    async def job(self, id: str) -> Job:  # noqa: A002
        """Give one job."""
        return await self._send(calls.job(id))

    async def cancel(self, id: str) -> Job:  # noqa: A002
        """End a job that waits at once; ask the trainer of a running one to end it."""
        return await self._send(calls.cancel(id))

    def job_events(self, id: str) -> AsyncIterator[JobEvent]:  # noqa: A002
        """Give a job's present state, then every change, until it has ended."""
        return self._stream(self._tell.watch(id))

    async def models(self) -> tuple[Model, ...]:
        """Give every model version, oldest first."""
        return await self._send(calls.models())

    async def model(self, version: str) -> ModelDetail:
        """Give one version with its manifest and card."""
        return await self._send(calls.model(version))

    async def model_insights(
        self, version: str, *, prevalence: float | None = None
    ) -> ModelInsights:
        """Tell how well a version answers, and what it learned from.

        prevalence: of a finding where the model is to be used; predictive values are then those.
        """
        return await self._send(calls.model_insights(version, prevalence))

    async def current_model(self) -> CurrentModel:
        """Say which model is current, and which one each worker has loaded."""
        return await self._send(calls.current_model())

    async def promote(self, version: str) -> Model:
        """Make a version current; workers swap by themselves."""
        return await self._send(calls.promote(version))

    async def rollback(self, from_version: str | None = None) -> Model:
        """Make the model before the current one current again."""
        return await self._send(calls.roll_back(from_version))

    async def status(self) -> Status:
        """Give the state of the system as the gateway sees it."""
        return await self._send(calls.status())

    async def health(self) -> Health:
        """Say whether the gateway takes work, and if not, why."""
        return await self._send(calls.health())

    async def _send(self, call: Call[T], timeout_s: float | None = None) -> T:
        return await self._run(self._tell.send(call, timeout_s))

    async def _run(self, story: Story[T]) -> T:
        reply: object = None
        while True:
            # StopIteration must not leave a coroutine.
            try:
                step = story.send(reply)
            except StopIteration as end:
                return cast("T", end.value)
            reply = await self._take(step)

    async def _take(self, step: Step) -> object:
        match step:
            case Send():
                return await self._reply_to(step)
            case Sleep(seconds):
                await self._sleep(seconds)
                return None
            case _:
                raise TypeError(step)

    async def _reply_to(self, step: Send) -> Reply:
        try:
            return await self._http.send(new_request(self._http, step))
        except httpx.TransportError as error:
            return error

    async def _stream(self, story: Story[None]) -> AsyncIterator[JobEvent]:
        reply: object = None
        async with AsyncLines(self._http) as lines:
            while True:
                try:
                    step = story.send(reply)
                except StopIteration:
                    return
                reply = None
                match step:
                    case Open():
                        reply = await lines.open(step)
                    case NextLine():
                        reply = await lines.next()
                    case Emit(event):
                        yield event
                    case _:
                        reply = await self._take(step)

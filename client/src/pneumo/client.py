"""The client for programs that wait for each answer."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
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
from pneumo.lines import Lines
from pneumo.retries import RetryPolicy
from pneumo.status import Status
from pneumo.stories import Emit, NextLine, Open, Reply, Send, Sleep, Step, Story, Teller
from pneumo.uploads import UPLOAD_TIMEOUT_S, Labelling, images_of, zip_call

T = TypeVar("T")


class Client:
    """Calls the gateway and waits. Safe to share between threads; use it in a `with` block.

    url: else $PNEUMO_URL, else http://127.0.0.1:8000. api_key: else $PNEUMO_API_KEY, else none.
    timeout_s: for a whole call, its repetitions included; every method that says so takes another.
    What is safe to repeat is repeated as `retries` say. transport, sleep, monotonic_s, chance: for
    tests. Every method raises PneumoError, and nothing else on purpose.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_s: float = 60.0,
        max_connections: int = 32,
        retries: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic_s: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.url = resolve_url(url)
        self._tell = Teller(self.url, retries or RetryPolicy(), timeout_s, monotonic_s, chance)
        self._http = httpx.Client(
            transport=transport, **http_options(self.url, api_key, max_connections)
        )
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._http.close()

    def predict(
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
        return self._send(call, timeout_s)

    def submit(
        self, image: ImageSource, *, explain: Explain | None = None, wait_s: float = 60.0
    ) -> Pending:
        """Ask for one prediction. wait_s: after that it is of no use to anybody any more."""
        return self._send(calls.submit(image_of(image), explain=explain, wait_s=wait_s))

    def outcome(self, id: str) -> Prediction | Pending:  # noqa: A002  the wire's own word
        """Ask how a prediction ended, if it has; outcomes are kept for an hour."""
        return self._send(calls.outcome(id))

    def wait_for(self, id: str, *, timeout_s: float | None = None) -> Prediction:  # noqa: A002
        """Ask for an outcome until there is one. Raises DeadlineExceededError after timeout_s."""
        return self._run(self._tell.wait_for(id, timeout_s))

    def upload(
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
        """Store labelled images for training; the same image again is stored once.

        patient_id, source: pseudonyms. new_class: the label may be one that no model knows yet.
        timeout_s: of each of the requests that many images are spread over.
        """
        fields = Labelling(patient_id, source, new_class=new_class).fields(label)
        return self._run(self._tell.upload(images_of(images), fields, progress, timeout_s))

    def upload_zip(
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
        return self._send(zip_call(Path(archive), labelling, progress), timeout_s)

    def dataset(self) -> Dataset:
        """Count the stored images."""
        return self._send(calls.dataset())

    def dataset_image(self, sha256: str) -> DatasetImage:
        """Give what is known of one stored image."""
        return self._send(calls.dataset_image(sha256))

    def list_images(
        self, wanted: ImageFilter = EVERY_IMAGE, *, limit: int = 100, cursor: str | None = None
    ) -> ImagePage:
        """Return a page of stored images, newest first; its `next` is the next page's cursor."""
        return self._send(dataset_calls.list_images(wanted, limit, cursor))

    def delete_images(self, wanted: ImageFilter) -> DeletedImages:
        """Delete at most 200 images of an upload or a source; repeat while some are `left`."""
        return self._send(dataset_calls.delete_images(wanted))

    def relabel(self, sha256: str, label: str) -> DatasetImage:
        """Decide on an image's label; a conflict over it ends."""
        return self._send(calls.relabel(sha256, label))

    def delete_image(self, sha256: str) -> None:
        """Remove an image from the dataset."""
        self._send(calls.delete_image(sha256))

    def dataset_insights(self) -> DatasetInsights:
        """Tell what the stored images look like: counts, grey levels, edges, and what they mean."""
        return self._send(calls.dataset_insights())

    def thumbnail(self, sha256: str) -> bytes:
        """Give a stored image, small, as a JPEG: somebody's radiograph, so the scope is `admin`."""
        return self._send(calls.thumbnail(sha256))

    def create_job(
        self,
        *,
        mode: Mode = "fast",
        policy: Policy = "auto",
        seed: int = 0,
        idempotency_key: str | None = None,
    ) -> Job:
        """Ask for a training and do not wait for it. policy auto: who passes the gate is promoted.

        idempotency_key: the same key is the same job for ever; without one, each call is a job.
        """
        key = idempotency_key or str(uuid4())
        return self._send(calls.create_job(mode=mode, policy=policy, seed=seed, key=key))

    retrain = create_job

    def jobs(self, limit: int = 50) -> tuple[Job, ...]:
        """Give the newest jobs."""
        return self._send(calls.jobs(limit))

    def job_modes(self) -> tuple[str, ...] | None:
        """Return the modes that trainers offer; None where this is unknown."""
        return self._send(calls.job_modes())

    def job(self, id: str) -> Job:  # noqa: A002
        """Give one job."""
        return self._send(calls.job(id))

    def cancel(self, id: str) -> Job:  # noqa: A002
        """End a job that waits at once; ask the trainer of a running one to end it."""
        return self._send(calls.cancel(id))

    def job_events(self, id: str) -> Iterator[JobEvent]:  # noqa: A002
        """Give a job's present state, then every change, until it has ended.

        A connection that breaks is made again.
        """
        return self._stream(self._tell.watch(id))

    def models(self) -> tuple[Model, ...]:
        """Give every model version, oldest first."""
        return self._send(calls.models())

    def model(self, version: str) -> ModelDetail:
        """Give one version with its manifest and card."""
        return self._send(calls.model(version))

    def model_insights(self, version: str, *, prevalence: float | None = None) -> ModelInsights:
        """Tell how well a version answers, and what it learned from.

        prevalence: of a finding where the model is to be used; predictive values are then those.
        """
        return self._send(calls.model_insights(version, prevalence))

    def current_model(self) -> CurrentModel:
        """Say which model is current, and which one each worker has loaded."""
        return self._send(calls.current_model())

    def promote(self, version: str) -> Model:
        """Make a version current; workers swap by themselves."""
        return self._send(calls.promote(version))

    def rollback(self, from_version: str | None = None) -> Model:
        """Make the model before the current one current again.

        from_version: what you take for current; with it, a repetition is a conflict and not a
        second step back.
        """
        return self._send(calls.roll_back(from_version))

    def status(self) -> Status:
        """Give the state of the system as the gateway sees it."""
        return self._send(calls.status())

    def health(self) -> Health:
        """Say whether the gateway takes work, and if not, why."""
        return self._send(calls.health())

    def _send(self, call: Call[T], timeout_s: float | None = None) -> T:
        return self._run(self._tell.send(call, timeout_s))

    def _run(self, story: Story[T]) -> T:
        reply: object = None
        try:
            while True:
                reply = self._take(story.send(reply))
        except StopIteration as end:
            return cast("T", end.value)

    def _take(self, step: Step) -> object:
        match step:
            case Send():
                return self._reply_to(step)
            case Sleep(seconds):
                self._sleep(seconds)
                return None
            case _:
                raise TypeError(step)

    def _reply_to(self, step: Send) -> Reply:
        try:
            return self._http.send(new_request(self._http, step))
        except httpx.TransportError as error:
            return error

    def _stream(self, story: Story[None]) -> Iterator[JobEvent]:
        reply: object = None
        with Lines(self._http) as lines:
            while True:
                try:
                    step = story.send(reply)
                except StopIteration:
                    return
                reply = None
                match step:
                    case Open():
                        reply = lines.open(step)
                    case NextLine():
                        reply = lines.next()
                    case Emit(event):
                        yield event
                    case _:
                        reply = self._take(step)

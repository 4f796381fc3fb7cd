"""What an endpoint is, and the endpoints that need more than a method and a path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Generic, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from pneumo.bodies import Body, OutgoingImage
from pneumo.errors import UnexpectedAnswerError, retry_after
from pneumo.model_bases import Pending
from pneumo.models import JobEvent, Prediction, UploadReport

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

Explain = Literal["cam"]
Mode = Literal["fast", "full"]
Policy = Literal["auto", "manual"]

IMAGES_PATH = "/v1/dataset/images"


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[T]):
    """One request and how its response is read. Parameters that are None are not sent.

    idempotent: sending it twice has the effect of sending it once. wait_s: how long the gateway may
    take, sent as `Prefer: wait` and cut to the caller's remaining time. success_statuses: statuses
    besides 2xx that are no errors.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    idempotent: bool = True
    params: Mapping[str, str | None] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Body | None = None
    json: Mapping[str, object] | None = None
    wait_s: float | None = None
    respond_async: bool = False
    success_statuses: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which stored images: every condition that is given must hold."""

    label: str | None = None
    source: str | None = None
    upload_id: str | None = None
    only_conflicts: bool = False


EVERY_IMAGE = ImageFilter()


def read_as(model: type[M]) -> Callable[[httpx.Response], M]:
    """Return a reader of a JSON body. The reader raises UnexpectedAnswerError."""

    def read(response: httpx.Response) -> M:
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            raise UnexpectedAnswerError(
                f"Unexpected response from {response.url}: "
                "it does not look like a PneumoStream gateway. Check the URL."
            ) from error

    return read


def resource_path(collection: str, *parts: str) -> str:
    """Return the path of a resource, its parts quoted."""
    return "/".join([collection, *(quote(part, safe="") for part in parts)])


def new_prediction(
    image: OutgoingImage, *, explain: Explain | None, wait_s: float, preview: bool
) -> Endpoint[Prediction]:
    """Return the endpoint that predicts and waits."""

    def read(response: httpx.Response) -> Prediction:
        prediction = read_as(Prediction)(response)
        return prediction.model_copy(update={"filename": prediction.filename or image.filename})

    return Endpoint(
        "POST",
        "/v1/predictions",
        read,
        params={"explain": explain, "preview": "png" if preview else None},
        headers={"Content-Type": image.content_type},
        content=image.read(),
        wait_s=wait_s,
    )


def new_submission(
    image: OutgoingImage, *, explain: Explain | None, wait_s: float
) -> Endpoint[Pending]:
    """Return the endpoint that predicts without waiting. wait_s: the deadline of the request."""
    return Endpoint(
        "POST",
        "/v1/predictions",
        read_as(Pending),
        params={"explain": explain},
        headers={"Content-Type": image.content_type},
        content=image.read(),
        wait_s=wait_s,
        respond_async=True,
    )


def new_upload(
    content_type: str, body: Body, params: Mapping[str, str] | None = None
) -> Endpoint[UploadReport]:
    """Return the endpoint that stores labelled images; it stores the same image once."""
    return Endpoint(
        "POST",
        "/v1/uploads",
        read_as(UploadReport),
        params=params or {},
        headers={"Content-Type": content_type, "Content-Length": str(body.size_bytes)},
        content=body,
    )


def filter_params(images: ImageFilter, *, to_delete: bool = False) -> Mapping[str, str | None]:
    """Return a filter as query parameters. Raises ValueError if it cannot select a deletion."""
    if to_delete and (images.label is not None or images.only_conflicts):
        raise ValueError("Images are deleted by upload_id and source only.")
    if to_delete and images.upload_id is None and images.source is None:
        raise ValueError("Pass upload_id, source, or both.")
    conflict = "true" if images.only_conflicts else None
    named = {"label": images.label, "source": images.source, "upload": images.upload_id}
    return {**named, "conflict": conflict}


def read_outcome(response: httpx.Response) -> Prediction | Pending:
    """Read a prediction, or when to poll for it again."""
    if response.status_code != HTTPStatus.ACCEPTED:
        return read_as(Prediction)(response)
    pending = read_as(Pending)(response)
    return pending.model_copy(update={"retry_after_s": retry_after(response)})


def parse_event_line(line: str) -> JobEvent | None:
    """Parse a line of a job's event stream; None if it has no data.

    Each message has one line of data, which repeats its id and its name.
    """
    if not line.startswith("data:"):
        return None
    try:
        return JobEvent.model_validate_json(line.removeprefix("data:"))
    except ValidationError as error:
        raise UnexpectedAnswerError("Invalid message in the job event stream.") from error

"""Every call there is: method, path, body, and how its answer is read. Nothing is sent here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Generic, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from pneumo.answers import (
    CurrentModel,
    Dataset,
    DatasetImage,
    Health,
    Job,
    Model,
    ModelDetail,
    Pending,
    Prediction,
    UploadReport,
)
from pneumo.bodies import Body, Image
from pneumo.errors import UnexpectedAnswerError, retry_after
from pneumo.insights import DatasetInsights, ModelInsights
from pneumo.status import Status

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

Explain = Literal["cam"]
Mode = Literal["fast", "full"]
Policy = Literal["auto", "manual"]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and what its answer means.

    repeatable: doing it twice does no more than doing it once. wait_s: how long the gateway may
    take, told by `Prefer: wait`; cut to what is left of the caller's time. accepts: statuses
    beside 2xx that are answers and no errors. open_ended: the answer is a stream without an end.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    repeatable: bool = True
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Body | None = None
    json: Mapping[str, object] | None = None
    wait_s: float | None = None
    responds_async: bool = False
    accepts: frozenset[int] = frozenset()


def read_as(answer: type[M]) -> Callable[[httpx.Response], M]:
    """Read a JSON body. The reader raises UnexpectedAnswerError."""

    def read(response: httpx.Response) -> M:
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            raise UnexpectedAnswerError(
                f"{response.url} answered what no gateway of PneumoStream says; is it one?"
            ) from error

    return read


def predict(
    image: Image, *, explain: Explain | None, wait_s: float, preview: bool = False
) -> Call[Prediction]:
    """Ask for one prediction. The same image again only costs the work again."""
    return Call(
        "POST",
        "/v1/predictions",
        lambda response: _named(read_as(Prediction)(response), image.filename),
        params=({} if explain is None else {"explain": explain})
        | ({"preview": "png"} if preview else {}),
        headers={"Content-Type": image.content_type},
        content=image.read(),
        wait_s=wait_s,
    )


def submit(image: Image, *, explain: Explain | None, wait_s: float) -> Call[Pending]:
    """Ask for one prediction, and not wait for it. wait_s: until when it is of use."""
    return Call(
        "POST",
        "/v1/predictions",
        read_as(Pending),
        params={} if explain is None else {"explain": explain},
        headers={"Content-Type": image.content_type},
        content=image.read(),
        wait_s=wait_s,
        responds_async=True,
    )


def outcome(id_: str) -> Call[Prediction | Pending]:
    """Ask how a prediction ended, if it has."""
    return Call("GET", _path("/v1/predictions", id_), _read_outcome)


def upload(content_type: str, body: Body, params: Mapping[str, str]) -> Call[UploadReport]:
    """Send labelled images; what is stored already is not stored twice."""
    return Call(
        "POST",
        "/v1/uploads",
        read_as(UploadReport),
        params=params,
        headers={"Content-Type": content_type, "Content-Length": str(body.size_bytes)},
        content=body,
    )


def dataset() -> Call[Dataset]:
    """Count the stored images."""
    return Call("GET", "/v1/dataset", read_as(Dataset))


def dataset_image(sha256: str) -> Call[DatasetImage]:
    """Ask what is known of one image."""
    return Call("GET", _path("/v1/dataset/images", sha256), read_as(DatasetImage))


def relabel(sha256: str, label: str) -> Call[DatasetImage]:
    """Decide on an image's label."""
    path = _path("/v1/dataset/images", sha256)
    return Call("PATCH", path, read_as(DatasetImage), json={"label": label})


def delete_image(sha256: str) -> Call[None]:
    """Remove an image from the dataset."""
    return Call("DELETE", _path("/v1/dataset/images", sha256), lambda _: None)


def dataset_insights() -> Call[DatasetInsights]:
    """Ask what the stored images look like."""
    return Call("GET", "/v1/dataset/insights", read_as(DatasetInsights))


def thumbnail(sha256: str) -> Call[bytes]:
    """Ask for a stored image, small: a JPEG."""
    path = _path("/v1/dataset/images", sha256, "thumbnail")
    return Call("GET", path, lambda response: response.content)


def create_job(*, mode: Mode, policy: Policy, seed: int, key: str) -> Call[Job]:
    """Ask for a training; the same key is the same job."""
    return Call(
        "POST",
        "/v1/jobs",
        read_as(Job),
        headers={"Idempotency-Key": key},
        json={"mode": mode, "policy": policy, "seed": seed},
    )


def jobs(limit: int) -> Call[tuple[Job, ...]]:
    """List the newest jobs."""
    read = read_as(_Jobs)
    return Call(
        "GET", "/v1/jobs", lambda response: read(response).jobs, params={"limit": str(limit)}
    )


def job_modes() -> Call[tuple[str, ...] | None]:
    """Ask for the modes that trainers offer."""
    read = read_as(_Jobs)
    return Call("GET", "/v1/jobs", lambda response: read(response).modes, params={"limit": "1"})


def job(id_: str) -> Call[Job]:
    """Ask where a job stands."""
    return Call("GET", _path("/v1/jobs", id_), read_as(Job))


def cancel(id_: str) -> Call[Job]:
    """End a job. One that was ended meanwhile is a conflict, so it is not asked twice."""
    return Call("POST", _path("/v1/jobs", id_, "cancel"), read_as(Job), repeatable=False)


def job_events(id_: str, last_event_id: str | None) -> Call[None]:
    """Open a job's stream of events."""
    headers = {"Accept": "text/event-stream"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    return Call("GET", _path("/v1/jobs", id_, "events"), lambda _: None, headers=headers)


def models() -> Call[tuple[Model, ...]]:
    """List every model version, oldest first."""
    read = read_as(_Models)
    return Call("GET", "/v1/models", lambda response: read(response).models)


def model(version: str) -> Call[ModelDetail]:
    """Ask for one version with its manifest and card."""
    return Call("GET", _path("/v1/models", version), read_as(ModelDetail))


def model_insights(version: str, prevalence: float | None) -> Call[ModelInsights]:
    """Ask how well a version answers. prevalence: of a finding, where predictive values matter."""
    params = {} if prevalence is None else {"prevalence": f"{prevalence:g}"}
    path = _path("/v1/models", version, "insights")
    return Call("GET", path, read_as(ModelInsights), params=params)


def current_model() -> Call[CurrentModel]:
    """Ask which model is current, and who serves it."""
    return Call("GET", "/v1/models/current", read_as(CurrentModel))


def promote(version: str) -> Call[Model]:
    """Make a version current; the current one again changes nothing."""
    return Call("POST", _path("/v1/models", version, "promote"), read_as(Model))


def roll_back(from_version: str | None) -> Call[Model]:
    """Make the model before the current one current again: one step each time it is done."""
    params = {} if from_version is None else {"from_version": from_version}
    return Call("POST", "/v1/models/rollback", read_as(Model), repeatable=False, params=params)


def status() -> Call[Status]:
    """Ask for the state of the system."""
    return Call("GET", "/status", read_as(Status))


def health() -> Call[Health]:
    """Ask whether the gateway takes work; that it does not is an answer, too."""
    unready = frozenset((HTTPStatus.SERVICE_UNAVAILABLE.value,))
    return Call("GET", "/health/ready", read_as(Health), accepts=unready)


class _Jobs(BaseModel):
    model_config = ConfigDict(extra="ignore")
    jobs: tuple[Job, ...]
    modes: tuple[str, ...] | None = None


class _Models(BaseModel):
    model_config = ConfigDict(extra="ignore")
    models: tuple[Model, ...]


def _path(*parts: str) -> str:
    first, *others = parts
    return "/".join([first, *(quote(part, safe="") for part in others)])


def _named(prediction: Prediction, filename: str | None) -> Prediction:
    return prediction.model_copy(update={"filename": prediction.filename or filename})


def _read_outcome(response: httpx.Response) -> Prediction | Pending:
    if response.status_code != HTTPStatus.ACCEPTED:
        return read_as(Prediction)(response)
    pending = read_as(Pending)(response)
    return pending.model_copy(update={"retry_after_s": retry_after(response)})

"""Every topic with what is on it: who writes, who reads, key, headers, body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

from shared.contracts import topics
from shared.contracts.accepted import ACCEPTED_SCHEMA
from shared.contracts.dataset import SCHEMA as UPLOAD_SCHEMA
from shared.contracts.dead_letters import Cause
from shared.contracts.models import ModelPromoted, WorkerStatus
from shared.contracts.predict import REQUEST_SCHEMA, RESULT_SCHEMA, Expired, Failed, Succeeded
from shared.contracts.topics import TopicSpec
from shared.contracts.train import TrainEvent, TrainModel

Headers = Mapping[str, Mapping[str, Any]]


def _header(description: str, **more: str | tuple[str, ...]) -> Mapping[str, Any]:
    return {"type": "string", "description": description, **more}


_REQUEST: Headers = {
    "id": _header("The prediction's id, a UUIDv7; the record's key as well.", format="uuid"),
    "schema": _header("Kind and version of the record.", const=REQUEST_SCHEMA),
    "content-type": _header("What the gateway found the image to be."),
    "deadline": _header("Unix milliseconds after which nobody waits.", pattern="^[0-9]+$"),
    "attempt": _header("1 at first, one more with each retry.", pattern="^[0-9]+$"),
    "traceparent": _header("W3C Trace Context, where there is a trace."),
    "explain": _header("Which explanation is asked for, where one is."),
    "warnings": _header(
        "What the gateway knows of the image, with commas between; for the answer."
    ),
    "redrive-of": _header("The id of the dead letter that this request was made from."),
}
_NOT_BEFORE = _header("Unix milliseconds before which it is not tried.", pattern="^[0-9]+$")
_ATTEMPTS = _header("The attempts that failed: a JSON list of number, at_ms, worker, error.")
_RETRY: Headers = {**_REQUEST, "not-before": _NOT_BEFORE, "attempts": _ATTEMPTS}
_LETTER: Headers = {
    **_RETRY,
    "cause": _header("Why it was given up.", enum=tuple(Cause)),
    "stack": _header("The end of the last error's stack."),
    "dead-at": _header("Unix milliseconds at which it was given up.", pattern="^[0-9]+$"),
}
_UPLOAD: Headers = {
    "id": _header("The upload's id, a UUIDv7.", format="uuid"),
    "schema": _header("Kind and version of the record.", const=UPLOAD_SCHEMA),
    "content-type": _header("What the gateway found the image to be."),
    "label": _header("The class that the image is said to be of."),
    "source": _header("A pseudonym of where it comes from; `upload` unless told."),
    "patient": _header("A pseudonym of the patient, where told."),
}
_ACCEPTED: Headers = {
    "id": _header("The prediction's id, a UUIDv7; the record's key as well.", format="uuid"),
    "schema": _header("Kind and version of the record.", const=ACCEPTED_SCHEMA),
    "deadline": _header("That of the request, unix milliseconds.", pattern="^[0-9]+$"),
    "partition": _header("Where the request is on `predict.requests`.", pattern="^[0-9]+$"),
    "offset": _header("At which offset; -1 if the broker did not say.", pattern="^-?[0-9]+$"),
}
_REQUIRED_OF_REQUESTS = ("id", "schema", "content-type", "deadline", "attempt")
_OF_RESULTS: Headers = {
    "schema": _header("Kind and version of the record.", const=RESULT_SCHEMA),
    "content-type": _header("What the body is.", const="application/json"),
}
_OF_TRAIN_EVENTS: Headers = {
    "schema": _header("Kind and version; the registry sends none.", const="train.event/1"),
    "content-type": _header("What the body is.", const="application/json"),
}


@dataclass(frozen=True, slots=True)
class Described:
    """One topic. body: the type of its value; bytes: an image as it was sent; NoneType: none.

    tombstone: whether there are records without a value.
    """

    topic: TopicSpec
    summary: str
    key: str
    body: Any
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    headers: Headers = field(default_factory=dict)
    required: tuple[str, ...] = ()
    tombstone: bool = False


DESCRIBED = (
    Described(
        topics.PREDICT_REQUESTS,
        "One image to be classified.",
        "the prediction's id",
        bytes,
        ("gateway", "operations (redrive)"),
        ("inference-worker (group)", "operations (audit)"),
        {name: value for name, value in _REQUEST.items() if name != "not-before"},
        _REQUIRED_OF_REQUESTS,
    ),
    Described(
        topics.PREDICT_RESULTS,
        "How a prediction ended. The first record of an id counts; a repetition says the same.",
        "the prediction's id",
        Succeeded | Failed | Expired,
        ("inference-worker",),
        ("every gateway (no group)", "operations (audit)"),
        _OF_RESULTS,
        ("schema", "content-type"),
    ),
    Described(
        topics.PREDICT_ACCEPTED,
        "An accepted request whose id a client may hold, without its image: written before the "
        "202 of `respond-async`, and before a 504 names a `Location`.",
        "the prediction's id",
        NoneType,
        ("gateway",),
        (
            "gateway (look-up by id)",
            "inference-worker (after retention deleted requests)",
            "operations (audit)",
        ),
        _ACCEPTED,
        tuple(_ACCEPTED),
    ),
    Described(
        topics.PREDICT_RETRY,
        "A request whose attempt failed, to be tried again after `not-before`.",
        "the prediction's id",
        bytes,
        ("inference-worker",),
        ("inference-worker (group)",),
        _RETRY,
        (*_REQUIRED_OF_REQUESTS, "not-before", "attempts"),
    ),
    Described(
        topics.PREDICT_DLQ,
        "A request that was given up, with its history. A record without a value under the "
        "same key is an operator's note: redriven, or purged.",
        "the prediction's id",
        bytes,
        ("inference-worker", "operations (notes)"),
        ("operations (dlq, audit)",),
        _LETTER,
        (*_REQUIRED_OF_REQUESTS, "attempts", "cause", "stack", "dead-at"),
        tombstone=True,
    ),
    Described(
        topics.UPLOADS_LABELLED,
        "One labelled image for the dataset.",
        "sha256 of the value, hexadecimal",
        bytes,
        ("gateway",),
        ("registry (group)",),
        _UPLOAD,
        ("id", "schema", "content-type", "label", "source"),
    ),
    Described(
        topics.TRAIN_COMMANDS,
        "A training was asked for. It only wakes trainers: the job itself stands in the registry.",
        "the job's id",
        TrainModel,
        ("registry (outbox)",),
        ("trainer (group)",),
    ),
    Described(
        topics.TRAIN_EVENTS,
        "Where a job stands now; each record says all there is to say.",
        "the job's id",
        TrainEvent,
        ("registry (outbox)", "trainer (progress)"),
        ("every gateway (no group)",),
        _OF_TRAIN_EVENTS,
    ),
    Described(
        topics.MODELS_EVENTS,
        "A model version became the current one. The last record counts.",
        "the model's name",
        ModelPromoted,
        ("registry (outbox)",),
        ("inference-worker (no group)", "every gateway (no group)"),
    ),
    Described(
        topics.WORKERS_STATUS,
        "What a worker says of itself, every five seconds and when anything changes.",
        "the worker's id",
        WorkerStatus,
        ("inference-worker",),
        ("every gateway (no group)",),
        tombstone=True,
    ),
)

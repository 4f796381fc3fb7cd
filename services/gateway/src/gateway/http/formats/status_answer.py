"""The response models of GET /status."""

from pydantic import BaseModel


class ServedModel(BaseModel):
    """The current model, as it was announced."""

    name: str
    version: str
    promoted_at: str


class WorkerNow(BaseModel):
    """A worker's last status report, and its rate since the one before; null until two reports."""

    id: str
    ready: bool
    model: str | None
    version: str | None
    partitions: int
    predictions: int
    refused_version: str | None
    refusal_code: str | None
    refusal: str | None
    last_seen: str
    predictions_per_second: float | None


class LastRetrain(BaseModel):
    """The newest job that has ended. accepted: by the gate; null if the gate was not reached."""

    id: str
    state: str
    at: str
    model_version: str | None
    accepted: bool | None


class Broker(BaseModel):
    """Whether Kafka answers."""

    reachable: bool


class GroupLag(BaseModel):
    """Records of a topic that a group has not committed yet."""

    topic: str
    group: str
    records: int


class LoadNow(BaseModel):
    """Load of this gateway and the workers' backlog; counts by reason since the start."""

    in_flight: int
    in_flight_bytes: int
    backlog: int
    estimated_wait_seconds: float
    rejected: dict[str, int]
    late: dict[str, int]


class ProblemLine(BaseModel):
    """Problem responses of this gateway with one code on one route."""

    code: str
    status: int
    route: str
    count: int
    first_at: str
    last_at: str


class StatusAnswer(BaseModel):
    """The system as seen by this gateway. errors: newest first. Times are ISO 8601, UTC."""

    uptime_seconds: float
    ready: bool
    readiness: dict[str, bool]
    num_predictions: int
    predictions_per_second: float | None
    last_retrain_time: str | None
    last_retrain: LastRetrain | None
    current_model: ServedModel | None
    workers: list[WorkerNow]
    broker: Broker
    lag: list[GroupLag]
    load: LoadNow
    errors: list[ProblemLine]

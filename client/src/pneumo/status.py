"""The system as one gateway sees it; docs/architecture/insights.md has every field."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from pneumo.answers import ModelRef, WorkerModel


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StatusModel(ModelRef):
    """The current model as events tell it. promoted_at: ISO 8601."""

    promoted_at: str | None = None


class StatusWorker(WorkerModel):
    """A worker as it tells of itself. last_seen: ISO 8601. Rates are None until it spoke twice."""

    model: str | None = None
    partitions: int = 0
    predictions: int = 0
    predictions_per_second: float | None = None
    last_seen: str | None = None


class Broker(_Answer):
    """Whether the gateway reaches Kafka."""

    reachable: bool


class LastRetrain(_Answer):
    """The newest job that has ended. at: ISO 8601. accepted: by the gate."""

    id: str
    state: str
    at: str
    model_version: str | None = None
    accepted: bool | None = None


class Lag(_Answer):
    """Records of a topic that a group has not taken yet."""

    topic: str
    group: str
    records: int


class SeenError(_Answer):
    """Problems of one kind that this gateway answered. first_at, last_at: ISO 8601."""

    code: str
    status: int
    route: str
    count: int
    first_at: str
    last_at: str


class Load(_Answer):
    """What this gateway has in hand."""

    in_flight: int = 0
    in_flight_bytes: int = 0
    backlog: int = 0
    estimated_wait_seconds: float | None = None
    rejected: Mapping[str, int] = Field(default_factory=dict)
    late: Mapping[str, int] = Field(default_factory=dict)


class Status(_Answer):
    """The system as one gateway sees it. errors: the newest first."""

    uptime_seconds: float
    num_predictions: int
    predictions_per_second: float | None = None
    last_retrain_time: str | None = None
    last_retrain: LastRetrain | None = None
    current_model: StatusModel | None = None
    workers: tuple[StatusWorker, ...] = ()
    broker: Broker
    ready: bool | None = None
    readiness: Mapping[str, bool] = Field(default_factory=dict)
    lag: tuple[Lag, ...] = ()
    load: Load | None = None
    errors: tuple[SeenError, ...] = ()

"""Every dashboard there is, in the order in which people need them."""

from collections.abc import Sequence

from grafana.boards.kafka import KAFKA
from grafana.boards.model_health import MODEL_HEALTH
from grafana.boards.overview import OVERVIEW
from grafana.boards.prediction_path import PREDICTION_PATH
from grafana.boards.retraining import RETRAINING
from grafana.boards.workers import WORKERS
from grafana.questions import Board

BOARDS: Sequence[Board] = (
    OVERVIEW,
    PREDICTION_PATH,
    WORKERS,
    RETRAINING,
    MODEL_HEALTH,
    KAFKA,
)

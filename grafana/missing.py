"""Metrics that panels ask for and no service exports, each with the reason. To be empty."""

from collections.abc import Mapping

from grafana import metrics as m

MISSING: Mapping[str, str] = {
    m.SWAP_SECONDS: "the worker counts swaps and does not time them",
    m.PREDICTED_LABELS: "the worker counts outcomes and not which class they name",
    m.CONFIDENCE: "the worker does not observe confidence",
    m.OUT_OF_DOMAIN: "the worker does not count answers that are out of domain",
    m.DRIFT_INDEX: "no service compares inputs with the training reference",
}

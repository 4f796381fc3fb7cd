"""PromQL of panels and rules put to a Prometheus, as Grafana would put it."""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx

from grafana.files import Asked

STEP_S = 15
_TIMEOUT_S = 20


class PrometheusError(Exception):
    """Prometheus cannot be asked, or did not understand a query."""


@dataclass(frozen=True, slots=True)
class Answer:
    """series: how many series had a figure that is a number in the window."""

    asked: Asked
    series: int


def ask(
    url: str, queries: Iterable[Asked], *, window_s: float, rate_window_s: int
) -> Iterator[Answer]:
    """Put each query over the last `window_s` seconds; Grafana's variables become figures.

    Raises PrometheusError.
    """
    with httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as client:
        for each in queries:
            query = each.query.replace("$__rate_interval", f"{rate_window_s}s")
            yield Answer(each, _series(client, query, window_s))


def _series(client: httpx.Client, query: str, window_s: float) -> int:
    now = time.time()
    form = {"query": query, "start": now - window_s, "end": now, "step": STEP_S}
    try:
        response = client.post("/api/v1/query_range", data=form)
        body = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise PrometheusError(f"no Prometheus answers at {client.base_url}: {error}") from None
    if body.get("status") != "success":
        raise PrometheusError(f"{body.get('error')}\n  in {query}")
    return sum(_has_number(series["values"]) for series in body["data"]["result"])


def _has_number(values: Iterable[tuple[float, str]]) -> bool:
    # 0 / 0 is an answer to Prometheus and none to a person.
    return any(not math.isnan(float(value)) for _, value in values)

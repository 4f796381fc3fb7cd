"""PromQL expressions in common use. The window is Grafana's own unless one is given."""

WINDOW = "$__rate_interval"
"""Grafana replaces it with at least four scrapes, so that a rate has samples at any zoom."""

PREDICTING = 'method="POST", route=~"/predict|/v1/predictions"'
"""Requests that the objectives count."""

SERVICES = 'job=~"gateway|inference-worker|registry|trainer"'
"""Our services, among all that Prometheus scrapes."""


def rate(metric: str, *by: str, where: str = "", window: str = WINDOW) -> str:
    """Sum a counter's rate per second by labels; `where` holds matchers."""
    return f"sum{_by(by)} (rate({metric}{_where(where)}[{window}]))"


def increase(metric: str, *by: str, window: str, where: str = "") -> str:
    """Sum a counter's increase over the window by labels."""
    return f"sum{_by(by)} (increase({metric}{_where(where)}[{window}]))"


def mean(metric: str, *by: str, where: str = "") -> str:
    """Return the mean of a histogram's observations by labels."""
    total, count = (rate(f"{metric}_{part}", *by, where=where) for part in ("sum", "count"))
    return f"{total} / {count}"


def quantile(share: float, metric: str, *by: str, where: str = "") -> str:
    """Return a quantile of a histogram's observations by labels."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', 'le', *by, where=where)})"


def largest(metric: str, *by: str, where: str = "") -> str:
    """Return a gauge's maximum by labels: for values that all processes share."""
    return f"max{_by(by)} ({metric}{_where(where)})"


def total(metric: str, *by: str, where: str = "") -> str:
    """Return a gauge's sum by labels: for values that each process has of its own."""
    return f"sum{_by(by)} ({metric}{_where(where)})"


def or_zero(query: str) -> str:
    """Return 0 where a query finds no series, for series that a healthy system lacks."""
    return f"({query}) or vector(0)"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _where(matchers: str) -> str:
    return f"{{{matchers}}}" if matchers else ""

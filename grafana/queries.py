"""PromQL in few forms. A window is Grafana's own unless it is named."""

WINDOW = "$__rate_interval"
"""What Grafana replaces by at least four scrapes, so that a rate has two samples at any zoom."""

PREDICTING = 'method="POST", route=~"/predict|/v1/predictions"'
"""The requests that the objectives speak of."""

SERVICES = 'job=~"gateway|inference-worker|registry|trainer"'
"""What is ours, among all that Prometheus scrapes."""


def rate(metric: str, *by: str, where: str = "", window: str = WINDOW) -> str:
    """Sum a counter's rate a second, by labels; `where` holds matchers."""
    return f"sum{_by(by)} (rate({metric}{_where(where)}[{window}]))"


def increase(metric: str, *by: str, window: str, where: str = "") -> str:
    """Sum how much a counter grew over the window, by labels."""
    return f"sum{_by(by)} (increase({metric}{_where(where)}[{window}]))"


def mean(metric: str, *by: str, where: str = "") -> str:
    """Give the mean of what a histogram observed, by labels."""
    total, count = (rate(f"{metric}_{part}", *by, where=where) for part in ("sum", "count"))
    return f"{total} / {count}"


def quantile(share: float, metric: str, *by: str, where: str = "") -> str:
    """Give a quantile of what a histogram observed, by labels."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', 'le', *by, where=where)})"


def largest(metric: str, *by: str, where: str = "") -> str:
    """Give a gauge's largest value, by labels: for what every process sees alike."""
    return f"max{_by(by)} ({metric}{_where(where)})"


def total(metric: str, *by: str, where: str = "") -> str:
    """Give a gauge's sum, by labels: for what each process has of its own."""
    return f"sum{_by(by)} ({metric}{_where(where)})"


def or_zero(query: str) -> str:
    """Say 0 where a query finds nothing, for what is absent while all is well."""
    return f"({query}) or vector(0)"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _where(matchers: str) -> str:
    return f"{{{matchers}}}" if matchers else ""

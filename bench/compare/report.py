"""RESULTS.md and its plots, from a stored session alone."""

from pathlib import Path

from bench.compare import tables
from bench.compare.bars import Bar, bars_of
from bench.compare.plots import draw_plots
from bench.compare.records import Session
from bench.compare.summary import p50, rate

REPORT_FILE = "RESULTS.md"
SOAK_FILE = "soak.md"
"""Figures of the last long `make soak`, written down by hand from its page."""
_PLOTS = "plots"

_BARS = """\
Ratios are taken within each round; median (least–greatest) of the rounds. What retraining costs the
p99 is measured by `bench/loop.py`: [performance](../docs/performance.md).
"""
_HOW = """\
`make bench`: closed loop, raw asyncio connections in a process of their own; the window opens
when every client has had its first answer. Load, broker and services share the cores. Each
round measures the systems in another order; those without a broker take turns cell by cell and
are frozen (SIGSTOP) while others are measured. A system with a broker cannot be frozen and
takes CPU even idle, so it runs only while it is measured, warmed up anew in each round.

Before a system is measured it must say what this system says on ten images that are no
`close_call` (there the float parent of the int8 model may differ). All peers have this system's
model, decoding and verdict, and its domain guard but for the seed's.

- **seed-predict, seed-function**: FastAPI and Keras inside the request, by `model.predict` and
  by the SavedModel's function.
- **fastapi-openvino**: in process, a stream a core, an infer request a thread.
- **mlserver-rest, mlserver-kafka**: MLServer 1.7, adaptive batching (16, 2 ms), an inference
  worker a core, base64 in JSON, which is its protocol. Over Kafka it reads without a group,
  commits nothing and confirms with acks=1: less than this system promises.
- **pneumostream-no-op**: workers decode and infer nothing, so that HTTP and Kafka are left.
- **litserve**: an inference worker a core, batches of 16, multipart.
"""


def write_report(session: Session, folder: Path) -> None:
    """Write RESULTS.md and the plots into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = draw_plots(session, folder / _PLOTS)
    soak = folder / SOAK_FILE
    told = soak.read_text() if soak.exists() else ""
    (folder / REPORT_FILE).write_text(render(session, [plot.name for plot in plots], told))


def render(session: Session, plots: list[str], soak: str = "") -> str:
    """Give the text of RESULTS.md. soak: a section of its own, as it is."""
    parts = [
        "# This system beside its peers\n",
        "Written by `make bench`; absolute figures belong to this machine and this hour.\n",
        _machine(session),
        "## The bars\n",
        _bars(bars_of(session)),
        _BARS,
        *(_payload(session, payload) for payload in tables.payloads_of(session)),
        "## Decode and engine alone\n",
        tables.ceilings(session),
        "## Memory, MB resident (largest of the session)\n",
        tables.memory(session),
        *([soak] if soak else []),
        *([_failures(session)] if session.failures else []),
        "## How it was measured\n",
        _HOW,
        *(f"![{name}]({_PLOTS}/{name})\n" for name in plots),
    ]
    return "\n".join(parts)


def _machine(session: Session) -> str:
    machine = session.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{machine.date} · {machine.cpu} · {machine.cores} cores · {machine.memory_gb} GB · "
        f"{machine.kernel} · Python {machine.python}  \n{versions}  \n"
        f"{session.rounds} rounds, {session.seconds} s a cell\n"
    )


def _bars(bars: list[Bar]) -> str:
    rows = [
        [bar.text, _bound(bar, bar.must), _bound(bar, bar.aim), _seen(bar), bar.verdict]
        for bar in bars
    ]
    return tables.table(["what", "must", "aim", "seen", "verdict"], rows)


def _bound(bar: Bar, bound: float | None) -> str:
    return "" if bound is None else f"{'≥' if bar.at_least else '≤'} {bound:g}{bar.unit}"


def _seen(bar: Bar) -> str:
    return tables.told(bar.seen, 0 if bar.unit == " MB" else 2)


def _payload(session: Session, payload: str) -> str:
    clients = tables.concurrencies_of(session)
    parts = [
        f"## {payload}\n",
        "Requests a second, by clients at once\n",
        tables.figures(session, payload, rate, 0),
        "This system's requests a second ÷ the peer's\n",
        tables.ratios(session, payload, rate),
        "p50 / p95 / p99, ms\n",
        tables.percentiles(session, payload),
        "This system's p50 ÷ the peer's\n",
        tables.ratios(session, payload, p50),
    ]
    for n in sorted({clients[0], 32, 64} & set(clients)):
        parts += [f"CPU ms a request by role, {n} client(s)\n", tables.cpu(session, payload, n)]
    return "\n".join(parts)


def _failures(session: Session) -> str:
    return (
        "## What failed, and was not measured\n\n"
        + "\n".join(f"- {one}" for one in session.failures)
        + "\n"
    )

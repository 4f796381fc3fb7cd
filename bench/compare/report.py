"""RESULTS.md and its plots, from a stored session."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.compare.bars import Bar, bars_of
from bench.compare.records import (
    SYSTEMS,
    THIS_SYSTEM,
    Key,
    Measure,
    RoundSpread,
    Session,
    compare_cells,
    p50,
    rate,
    spread_of,
    spread_over_rounds,
)

REPORT_FILE = "RESULTS.md"
SOAK_FILE = "soak.md"
"""Figures of the last long `make soak`, written down by hand from its page."""
_PLOTS = "plots"

_BARS = """\
Ratios are taken within each round; median (least–greatest) of the rounds. What retraining costs the
p99 is measured by `python -m bench.loop`: [performance](../docs/performance.md).
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
        *(_payload(session, payload) for payload in payloads_of(session)),
        "## Decode and engine alone\n",
        ceilings(session),
        "## Memory, MB resident (largest of the session)\n",
        memory(session),
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
    return table(["what", "must", "aim", "seen", "verdict"], rows)


def _bound(bar: Bar, bound: float | None) -> str:
    return "" if bound is None else f"{'≥' if bar.at_least else '≤'} {bound:g}{bar.unit}"


def _seen(bar: Bar) -> str:
    return format_spread(bar.seen, 0 if bar.unit == " MB" else 2)


def _payload(session: Session, payload: str) -> str:
    clients = concurrencies_of(session)
    parts = [
        f"## {payload}\n",
        "Requests a second, by clients at once\n",
        figures(session, payload, rate, 0),
        "This system's requests a second ÷ the peer's\n",
        ratios(session, payload, rate),
        "p50 / p95 / p99, ms\n",
        percentiles(session, payload),
        "This system's p50 ÷ the peer's\n",
        ratios(session, payload, p50),
    ]
    for n in sorted({clients[0], 32, 64} & set(clients)):
        parts += [f"CPU ms a request by role, {n} client(s)\n", cpu(session, payload, n)]
    return "\n".join(parts)


def _failures(session: Session) -> str:
    return (
        "## What failed, and was not measured\n\n"
        + "\n".join(f"- {one}" for one in session.failures)
        + "\n"
    )


def payloads_of(session: Session) -> list[str]:
    """Give the kinds of payload, in the order in which they were measured."""
    return list(dict.fromkeys(cell.key.payload for cell in session.cells))


def systems_of(session: Session) -> list[str]:
    """Give the systems that were measured, this one first."""
    seen = {cell.key.system for cell in session.cells}
    return [name for name in SYSTEMS if name in seen]


def concurrencies_of(session: Session) -> list[int]:
    """Give how many clients there were, ascending."""
    return sorted({cell.key.concurrency for cell in session.cells})


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write one table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def format_spread(spread: RoundSpread | None, digits: int = 0) -> str:
    """Write a median with its spread, or a dash."""
    if spread is None:
        return "–"
    median, low, high = (f"{v:.{digits}f}" for v in (spread.median, spread.low, spread.high))
    return median if low == high else f"{median} ({low}–{high})"


def figures(session: Session, payload: str, measure: Measure, digits: int) -> str:
    """Write one figure of every system by concurrency."""
    clients = concurrencies_of(session)
    rows = [
        [
            name,
            *(
                format_spread(spread_over_rounds(session, Key(name, payload, n), measure), digits)
                for n in clients
            ),
        ]
        for name in systems_of(session)
    ]
    return table(["system", *(str(n) for n in clients)], rows)


def ratios(session: Session, payload: str, measure: Measure) -> str:
    """Write this system ÷ each peer by concurrency, compared within each round."""
    clients = concurrencies_of(session)

    def cell(peer: str, n: int) -> str:
        ours, theirs = Key(THIS_SYSTEM, payload, n), Key(peer, payload, n)
        return format_spread(compare_cells(session, ours, theirs, measure), 2)

    peers = [name for name in systems_of(session) if name != THIS_SYSTEM]
    return table(
        ["÷", *(str(n) for n in clients)],
        ([peer, *(cell(peer, n) for n in clients)] for peer in peers),
    )


def percentiles(session: Session, payload: str) -> str:
    """Write p50 / p95 / p99 of every system by concurrency, medians of the rounds."""
    clients = concurrencies_of(session)

    def cell(name: str, n: int) -> str:
        key = Key(name, payload, n)
        three = (p50, lambda c: c.p95_ms, lambda c: c.p99_ms)
        found = [spread_over_rounds(session, key, measure) for measure in three]
        return " / ".join("–" if one is None else f"{one.median:.1f}" for one in found)

    rows = [[name, *(cell(name, n) for n in clients)] for name in systems_of(session)]
    return table(["system", *(str(n) for n in clients)], rows)


def roles_of(session: Session) -> list[str]:
    """Give every role that took CPU."""
    return sorted({role for cell in session.cells for role in cell.cpu_ms})


def cpu(session: Session, payload: str, clients: int) -> str:
    """Write CPU milliseconds a request by role."""
    roles = roles_of(session)

    def cell(name: str, role: str) -> str:
        found = spread_of(
            one.cpu_ms[role]
            for one in session.cells
            if one.key == Key(name, payload, clients) and role in one.cpu_ms
        )
        return "–" if found is None else f"{found.median:.2f}"

    rows = [[name, *(cell(name, role) for role in roles)] for name in systems_of(session)]
    return table(["system", *roles], rows)


def memory(session: Session) -> str:
    """Write the largest resident size of each role, and how many processes it has."""
    rows = []
    for name in systems_of(session):
        sizes: dict[str, tuple[float, ...]] = {}
        for cell in session.cells:
            if cell.key.system == name:
                for role, each in cell.rss_mb.items():
                    sizes[role] = max(sizes.get(role, ()), each)
        told_sizes = [
            f"{role} {each[0]:.0f}" + (f" ({len(each)} of them)" if len(each) > 1 else "")
            for role, each in sorted(sizes.items())
        ]
        total = sum(sum(each) for each in sizes.values())
        rows.append([name, f"{total:.0f}", ", ".join(told_sizes)])
    return table(["system", "sum", "largest process of each role"], rows)


def ceilings(session: Session) -> str:
    """Write what decoding and the engine alone reached."""
    names = list(dict.fromkeys(name for one in session.ceilings for name in one.rates))
    rows = [
        [
            name,
            format_spread(
                spread_of(one.rates[name] for one in session.ceilings if name in one.rates)
            ),
        ]
        for name in names
    ]
    return table(["alone, all cores", "images/s"], rows)


_CPU_CLIENTS = 32


def draw_plots(session: Session, folder: Path) -> list[Path]:
    """Write the pictures as PNG; give their paths, none if nothing was measured."""
    if not session.cells:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "throughput.png": _lines(session, "requests/s", rate),
        "latency.png": _lines(session, "p50, ms", p50),
        "cpu.png": _cpu(session),
    }
    paths = []
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=110)
        paths.append(folder / name)
    return paths


def _lines(session: Session, label: str, measure: Measure) -> Figure:
    """Draw a line a system over the clients, medians with the rounds' spread; both axes in logs."""
    figure, panels = _panels(session)
    for axes, payload in zip(panels, payloads_of(session), strict=True):
        for name in systems_of(session):
            found = {
                n: spread_over_rounds(session, Key(name, payload, n), measure)
                for n in concurrencies_of(session)
            }
            points = [(n, one) for n, one in found.items() if one is not None]
            medians = [one.median for _, one in points]
            spans = (
                [one.median - one.low for _, one in points],
                [one.high - one.median for _, one in points],
            )
            axes.errorbar([n for n, _ in points], medians, yerr=spans, marker="o", ms=4, label=name)
        axes.set(title=payload, xlabel="clients", ylabel=label, xscale="log", yscale="log")
        axes.set_xticks(concurrencies_of(session), [str(n) for n in concurrencies_of(session)])
        axes.grid(alpha=0.3)
    panels[-1].legend(fontsize=8)
    return figure


def _cpu(session: Session) -> Figure:
    """Draw CPU milliseconds a request by role, stacked, at 32 clients or the most there were."""
    clients = concurrencies_of(session)
    most = _CPU_CLIENTS if _CPU_CLIENTS in clients else clients[-1]
    names = systems_of(session)
    figure, panels = _panels(session)
    for axes, payload in zip(panels, payloads_of(session), strict=True):
        left = [0.0] * len(names)
        for role in roles_of(session):
            widths = [_cpu_ms(session, Key(name, payload, most), role) for name in names]
            axes.barh(names, widths, left=left, label=role)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        axes.invert_yaxis()
        axes.set(title=f"{payload}, {most} clients", xlabel="CPU ms a request")
    panels[-1].legend(fontsize=8)
    return figure


def _cpu_ms(session: Session, key: Key, role: str) -> float:
    found = spread_of(cell.cpu_ms.get(role, 0.0) for cell in session.cells if cell.key == key)
    return 0.0 if found is None else found.median


def _panels(session: Session) -> tuple[Figure, list[Axes]]:
    count = len(payloads_of(session))
    figure = Figure(figsize=(6.5 * count, 4.5), layout="constrained")
    return figure, [figure.add_subplot(1, count, n + 1) for n in range(count)]

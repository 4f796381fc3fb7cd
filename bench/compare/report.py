"""RESULTS.md and its plots, from a stored session."""

from collections.abc import Callable, Iterable, Sequence
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
"""Figures of the last long `make soak`, copied by hand from its page."""
_PLOTS = "plots"
_CPU_CLIENTS = 32

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
    plots = _draw_plots(session, folder / _PLOTS)
    soak = folder / SOAK_FILE
    soak_text = soak.read_text() if soak.exists() else ""
    (folder / REPORT_FILE).write_text(render_report(session, plots, soak_text))


def render_report(session: Session, plots: list[str], soak: str = "") -> str:
    """Return the text of RESULTS.md. soak: a section that is inserted as it is."""
    parts = [
        "# This system beside its peers\n",
        "Written by `make bench`; absolute figures belong to this machine and this hour.\n",
        _machine(session),
        "## The bars\n",
        _bars(bars_of(session)),
        _BARS,
        *(_payload(session, payload) for payload in _payloads_of(session)),
        "## Decode and engine alone\n",
        _ceiling_table(session),
        "## Memory, MB resident (largest of the session)\n",
        _memory_table(session),
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
    return _table(["what", "must", "aim", "seen", "verdict"], rows)


def _bound(bar: Bar, bound: float | None) -> str:
    return "" if bound is None else f"{'≥' if bar.at_least else '≤'} {bound:g}{bar.unit}"


def _seen(bar: Bar) -> str:
    return _format_spread(bar.seen, 0 if bar.unit == " MB" else 2)


def _payload(session: Session, payload: str) -> str:
    clients = _clients_of(session)
    parts = [
        f"## {payload}\n",
        "Requests a second, by clients at once\n",
        _rates(session, payload),
        "This system's requests a second ÷ the peer's\n",
        _ratios(session, payload, rate),
        "p50 / p95 / p99, ms\n",
        _percentiles(session, payload),
        "This system's p50 ÷ the peer's\n",
        _ratios(session, payload, p50),
    ]
    for n in sorted({clients[0], 32, 64} & set(clients)):
        parts += [f"CPU ms a request by role, {n} client(s)\n", _cpu_table(session, payload, n)]
    return "\n".join(parts)


def _failures(session: Session) -> str:
    return (
        "## What failed, and was not measured\n\n"
        + "\n".join(f"- {one}" for one in session.failures)
        + "\n"
    )


def _payloads_of(session: Session) -> list[str]:
    return list(dict.fromkeys(cell.key.payload for cell in session.cells))


def _systems_of(session: Session) -> list[str]:
    seen = {cell.key.system for cell in session.cells}
    return [name for name in SYSTEMS if name in seen]


def _clients_of(session: Session) -> list[int]:
    return sorted({cell.key.concurrency for cell in session.cells})


def _roles_of(session: Session) -> list[str]:
    return sorted({role for cell in session.cells for role in cell.cpu_ms})


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _format_spread(spread: RoundSpread | None, digits: int = 0) -> str:
    if spread is None:
        return "–"
    median, low, high = (f"{v:.{digits}f}" for v in (spread.median, spread.low, spread.high))
    return median if low == high else f"{median} ({low}–{high})"


def _by_clients(
    session: Session, payload: str, corner: str, names: Iterable[str], text: Callable[[Key], str]
) -> str:
    clients = _clients_of(session)
    rows = ([name, *(text(Key(name, payload, n)) for n in clients)] for name in names)
    return _table([corner, *map(str, clients)], rows)


def _rates(session: Session, payload: str) -> str:
    def text(key: Key) -> str:
        return _format_spread(spread_over_rounds(session, key, rate))

    return _by_clients(session, payload, "system", _systems_of(session), text)


def _ratios(session: Session, payload: str, measure: Measure) -> str:
    def text(peer: Key) -> str:
        ours = Key(THIS_SYSTEM, payload, peer.concurrency)
        return _format_spread(compare_cells(session, ours, peer, measure), 2)

    peers = [name for name in _systems_of(session) if name != THIS_SYSTEM]
    return _by_clients(session, payload, "÷", peers, text)


def _percentiles(session: Session, payload: str) -> str:
    measures: tuple[Measure, ...] = (p50, lambda c: c.p95_ms, lambda c: c.p99_ms)

    def text(key: Key) -> str:
        found = (spread_over_rounds(session, key, measure) for measure in measures)
        return " / ".join("–" if one is None else f"{one.median:.1f}" for one in found)

    return _by_clients(session, payload, "system", _systems_of(session), text)


def _cpu_ms(session: Session, key: Key, role: str) -> float | None:
    cells = (cell for cell in session.cells if cell.key == key and role in cell.cpu_ms)
    found = spread_of(cell.cpu_ms[role] for cell in cells)
    return None if found is None else found.median


def _cpu_table(session: Session, payload: str, clients: int) -> str:
    def text(name: str, role: str) -> str:
        found = _cpu_ms(session, Key(name, payload, clients), role)
        return "–" if found is None else f"{found:.2f}"

    roles = _roles_of(session)
    rows = ([name, *(text(name, role) for role in roles)] for name in _systems_of(session))
    return _table(["system", *roles], rows)


def _memory_table(session: Session) -> str:
    rows = []
    for name in _systems_of(session):
        sizes: dict[str, tuple[float, ...]] = {}
        for cell in session.cells:
            if cell.key.system == name:
                for role, each in cell.rss_mb.items():
                    sizes[role] = max(sizes.get(role, ()), each)
        texts = [
            f"{role} {each[0]:.0f}" + (f" ({len(each)} of them)" if len(each) > 1 else "")
            for role, each in sorted(sizes.items())
        ]
        rows.append([name, f"{sum(map(sum, sizes.values())):.0f}", ", ".join(texts)])
    return _table(["system", "sum", "largest process of each role"], rows)


def _ceiling_table(session: Session) -> str:
    names = dict.fromkeys(name for one in session.ceilings for name in one.rates)
    rates = ((one.rates[name] for one in session.ceilings if name in one.rates) for name in names)
    rows = ([n, _format_spread(spread_of(r))] for n, r in zip(names, rates, strict=True))
    return _table(["alone, all cores", "images/s"], rows)


def _draw_plots(session: Session, folder: Path) -> list[str]:
    """Write the plots as PNG; return their names, none if there was no measurement."""
    if not session.cells:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "throughput.png": _draw_lines(session, "requests/s", rate),
        "latency.png": _draw_lines(session, "p50, ms", p50),
        "cpu.png": _draw_cpu(session),
    }
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=110)
    return list(figures)


def _draw_lines(session: Session, label: str, measure: Measure) -> Figure:
    """Draw one line per system over the clients: medians, and the rounds' spread as error bars."""
    clients = _clients_of(session)
    figure, panels = _new_panels(session)
    for axes, payload in zip(panels, _payloads_of(session), strict=True):
        for name in _systems_of(session):
            found = [
                (n, one)
                for n in clients
                if (one := spread_over_rounds(session, Key(name, payload, n), measure))
            ]
            medians = [one.median for _, one in found]
            below = [one.median - one.low for _, one in found]
            above = [one.high - one.median for _, one in found]
            numbers = [n for n, _ in found]
            axes.errorbar(numbers, medians, yerr=(below, above), marker="o", ms=4, label=name)
        axes.set(title=payload, xlabel="clients", ylabel=label, xscale="log", yscale="log")
        axes.set_xticks(clients, [str(n) for n in clients])
        axes.grid(alpha=0.3)
    panels[-1].legend(fontsize=8)
    return figure


def _draw_cpu(session: Session) -> Figure:
    """Draw CPU milliseconds per request by role, stacked, at 32 clients or the maximum."""
    clients, names = _clients_of(session), _systems_of(session)
    most = _CPU_CLIENTS if _CPU_CLIENTS in clients else clients[-1]
    figure, panels = _new_panels(session)
    for axes, payload in zip(panels, _payloads_of(session), strict=True):
        left = [0.0] * len(names)
        for role in _roles_of(session):
            widths = [_cpu_ms(session, Key(name, payload, most), role) or 0.0 for name in names]
            axes.barh(names, widths, left=left, label=role)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        axes.invert_yaxis()
        axes.set(title=f"{payload}, {most} clients", xlabel="CPU ms a request")
    panels[-1].legend(fontsize=8)
    return figure


def _new_panels(session: Session) -> tuple[Figure, list[Axes]]:
    number = len(_payloads_of(session))
    figure = Figure(figsize=(6.5 * number, 4.5), layout="constrained")
    return figure, [figure.add_subplot(1, number, n + 1) for n in range(number)]

"""Three pictures of a session: throughput, latency, CPU a request."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.compare.records import Key, Session
from bench.compare.summary import Measure, of, p50, rate, spread_of
from bench.compare.tables import concurrencies_of, payloads_of, roles_of, systems_of

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
                n: of(session, Key(name, payload, n), measure) for n in concurrencies_of(session)
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

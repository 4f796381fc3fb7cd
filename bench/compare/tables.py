"""Markdown of figures."""

from collections.abc import Iterable, Sequence

from bench.compare.records import SYSTEMS, THIS_SYSTEM, Key, Session
from bench.compare.summary import Measure, Spread, compared, of, p50, spread_of


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


def told(spread: Spread | None, digits: int = 0) -> str:
    """Write a median with its spread, or a dash."""
    if spread is None:
        return "–"
    median, low, high = (f"{v:.{digits}f}" for v in (spread.median, spread.low, spread.high))
    return median if low == high else f"{median} ({low}–{high})"


def figures(session: Session, payload: str, measure: Measure, digits: int) -> str:
    """Write one figure of every system by concurrency."""
    clients = concurrencies_of(session)
    rows = [
        [name, *(told(of(session, Key(name, payload, n), measure), digits) for n in clients)]
        for name in systems_of(session)
    ]
    return table(["system", *(str(n) for n in clients)], rows)


def ratios(session: Session, payload: str, measure: Measure) -> str:
    """Write this system ÷ each peer by concurrency, compared within each round."""
    clients = concurrencies_of(session)

    def cell(peer: str, n: int) -> str:
        ours, theirs = Key(THIS_SYSTEM, payload, n), Key(peer, payload, n)
        return told(compared(session, ours, theirs, measure), 2)

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
        found = [of(session, key, measure) for measure in three]
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
        [name, told(spread_of(one.rates[name] for one in session.ceilings if name in one.rates))]
        for name in names
    ]
    return table(["alone, all cores", "images/s"], rows)

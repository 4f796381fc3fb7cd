"""The command line: `run` measures and writes the report, `report` writes it anew from the JSON."""

import argparse
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from bench.compare.load_client import LoadError, load_generator
from bench.compare.logbook import Logbook
from bench.compare.machine import describe_machine
from bench.compare.payloads import Payload, find_payloads
from bench.compare.records import LARGE, SMALL, SYSTEMS, Session, load, store
from bench.compare.report import REPORT_FILE, write_report
from bench.compare.running import Launch
from bench.compare.session import Bench, Plan
from bench.compare.systems import LAUNCHES, REPOSITORY, Places, prepared
from inference_worker.adapters.cpus import available_cpus

_WORK = REPOSITORY / ".pneumo" / "bench"
_OUT = REPOSITORY / "bench"
_RESULTS = "results.json"
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand: 0, 1 if anything failed, 130 if it was interrupted, all stopped."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "run":
            return ended(_run(options))
        write_report(load(options.out / _RESULTS), options.out)
    except KeyboardInterrupt:
        print("Interrupted; everything that was started is stopped.")
        return 130
    except (OSError, LoadError, ValueError) as error:
        print(f"{error}\nWhat the systems said is in {_WORK}/*.log; nothing is left running.")
        return 1
    return 0


def ended(failures: Sequence[str]) -> int:
    """Say at the very end what the lines above may have scrolled away; 0 if nothing failed."""
    if failures:
        print("\n".join(["FAILED, though the others were measured:", *failures]))
    return 1 if failures else 0


def _run(options: argparse.Namespace) -> Sequence[str]:
    """Measure and write the report; give what was not measured, and why."""
    for number in _STOP_SIGNALS:
        signal.signal(number, _interrupt_once)
    places = Places(options.bundle.resolve(), _WORK, available_cpus())
    places.folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in SYSTEMS if name in options.systems]
    payloads = find_payloads(options.images, tuple(options.payloads))
    launches, failures = prepared(names, LAUNCHES, places)
    plan = _plan(options, launches, payloads)
    out = options.out or (_WORK / "quick" if options.quick else _OUT)
    session = Session(
        describe_machine(places.cores), plan.seconds, plan.rounds, failures=tuple(failures)
    )
    logbook = Logbook(session, lambda found: store(found, out / _RESULTS))
    with reporting(logbook, out), load_generator() as generator:
        Bench(plan, places, generator, logbook).run()
    print(f"Written: {out / REPORT_FILE}")
    return logbook.session.failures


@contextmanager
def reporting(logbook: Logbook, out: Path) -> Iterator[None]:
    """Write the report of what there is at the end, also if that is a failure or Ctrl-C.

    A report of before is left alone where nothing at all was measured.
    """
    try:
        yield
    except BaseException as error:
        if logbook.session.cells:
            logbook.add_failure("the session ended before it was done", error)
        raise
    finally:
        if logbook.session.cells:
            write_report(logbook.session, out)


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    """Stop everything in order; a second Ctrl-C must not cut that short."""
    del number, frame
    for each in _STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _plan(
    options: argparse.Namespace, launches: Sequence[Launch], payloads: Sequence[Payload]
) -> Plan:
    quick = options.quick
    return Plan(
        launches=launches,
        payloads=payloads,
        concurrencies=options.concurrency or ([1, 8] if quick else [1, 8, 32, 64]),
        rounds=options.rounds or (1 if quick else 3),
        seconds=options.seconds or (1.0 if quick else 3.0),
        warm_up_s=0.5 if quick else 4.0,
        ceiling_s=0.5 if quick else 1.2,
        soak=options.soak if options.soak is not None else (0 if quick else 20_000),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.compare", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start, measure, stop, report")
    run.add_argument("--images", type=Path, help="a folder of JPEG files instead of both kinds")
    run.add_argument("--bundle", type=Path, default=REPOSITORY / "models" / "baseline")
    run.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS, metavar="NAME")
    run.add_argument("--payloads", nargs="+", choices=(SMALL, LARGE), default=(SMALL, LARGE))
    run.add_argument("--concurrency", nargs="+", type=int, help="clients at once (1 8 32 64)")
    run.add_argument("--rounds", type=int, help="interleaved rounds (3)")
    run.add_argument("--seconds", type=float, help="length of one cell (3)")
    run.add_argument("--soak", type=int, help="requests before memory is read (20000)")
    run.add_argument("--quick", action="store_true", help="a smoke test, written elsewhere")
    run.add_argument("--out", type=Path, help="where results and report go (bench)")
    report = commands.add_parser("report", help="write RESULTS.md and plots from the stored JSON")
    report.add_argument("--out", type=Path, default=_OUT)
    return parser

"""`python -m bench.compare`: `run` measures and reports, `report` renders the stored JSON again."""

import argparse
import platform
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType

import psutil

from bench.compare.load import start_load_generator
from bench.compare.records import (
    LARGE,
    SMALL,
    SYSTEMS,
    LoadError,
    Logbook,
    Machine,
    Payload,
    Session,
    load_session,
    store_session,
)
from bench.compare.report import REPORT_FILE, write_report
from bench.compare.running import Launch
from bench.compare.session import Bench, BenchPlan, prepare_launches
from bench.compare.systems import LAUNCHES, PEERS, REPOSITORY, BenchPaths
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
            return report_failures(_run(options))
        write_report(load_session(options.out / _RESULTS), options.out)
    except KeyboardInterrupt:
        print("Interrupted; everything that was started is stopped.")
        return 130
    except (OSError, LoadError, ValueError) as error:
        print(f"{error}\nThe output of the systems is in {_WORK}/*.log; nothing is left running.")
        return 1
    return 0


def report_failures(failures: Sequence[str]) -> int:
    """Print the failures again at the end; return 1 if there are any, else 0."""
    if failures:
        print("\n".join(["FAILED, though the others were measured:", *failures]))
    return 1 if failures else 0


def _run(options: argparse.Namespace) -> Sequence[str]:
    """Measure and write the report; return what was not measured, and why."""
    for number in _STOP_SIGNALS:
        signal.signal(number, _interrupt_once)
    paths = BenchPaths(options.bundle.resolve(), _WORK, available_cpus())
    paths.folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in SYSTEMS if name in options.systems]
    payloads = find_payloads(options.images, tuple(options.payloads))
    launches, failures = prepare_launches(names, LAUNCHES, paths)
    plan = _plan(options, launches, payloads)
    out = options.out or (_WORK / "quick" if options.quick else _OUT)
    session = Session(
        describe_machine(paths.cores), plan.seconds, plan.rounds, failures=tuple(failures)
    )
    logbook = Logbook(session, lambda found: store_session(found, out / _RESULTS))
    with always_reporting(logbook, out), start_load_generator() as generator:
        Bench(plan, paths, generator, logbook).run()
    print(f"Written: {out / REPORT_FILE}")
    return logbook.session.failures


@contextmanager
def always_reporting(logbook: Logbook, out: Path) -> Iterator[None]:
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
) -> BenchPlan:
    quick = options.quick
    return BenchPlan(
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


MOST = 200
"""Images of a folder that are used, in the order of their names, spread over all of it."""

_SHARED = Path("../shared/data")
DEFAULT_FOLDERS = {SMALL: _SHARED / "chest_xray_224" / "test", LARGE: _SHARED / "full_size"}


def find_payloads(folder: Path | None, names: tuple[str, ...]) -> tuple[Payload, ...]:
    """Find the JPEG files of each kind; one kind, named like the folder, if a folder is given.

    Raises SystemExit with a sentence if a folder holds none.
    """
    folders: Mapping[str, Path] = {folder.name: folder} if folder else DEFAULT_FOLDERS
    wanted = folders if folder else {name: folders[name] for name in names}
    return tuple(Payload(name, _jpegs(place)) for name, place in wanted.items())


def _jpegs(folder: Path) -> tuple[Path, ...]:
    paths = sorted(path.resolve() for path in folder.rglob("*.jp*g"))
    if not paths:
        raise SystemExit(f"{folder} holds no JPEG files: name a folder that does with DATA=.")
    return tuple(paths[:: max(1, len(paths) // MOST)][:MOST])


_OURS = ("openvino", "tensorflow-cpu", "tensorflow", "keras", "fastapi", "uvicorn", "aiokafka")
_PEERS = ("mlserver", "litserve")


def describe_machine(cores: int) -> Machine:
    """Read CPU, cores, memory, kernel and the versions that matter."""
    return Machine(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        cpu=_cpu_model(),
        cores=cores,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        versions=_versions(),
    )


def _cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    if not cpuinfo.is_file():
        return platform.processor() or platform.machine()
    fields = dict(
        line.split(":", 1)
        for line in cpuinfo.read_text().split("\n\n")[0].splitlines()
        if ":" in line
    )
    stripped = {key.strip(): value.strip() for key, value in fields.items()}
    parts = [stripped.get("model name", platform.machine())]
    flags = stripped.get("flags", "").split()
    parts += [flag for flag in ("avx512_vnni", "amx_int8") if flag in flags]
    return ", ".join(parts)


def _versions() -> dict[str, str]:
    found = {}
    for name in _OURS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    for name in _PEERS:
        pins = (PEERS / f"{name}.txt").read_text().splitlines()
        found[name] = next(pin for pin in pins if pin.startswith(f"{name}==")).split()[0][
            len(name) + 2 :
        ]
    return found


if __name__ == "__main__":
    raise SystemExit(main())

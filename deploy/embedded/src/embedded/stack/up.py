"""`up`, told in order: check, broker, topics, services, sample, watch, stop."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from aiokafka.errors import KafkaError

from embedded.errors import MissingFileError, NotReadyError, SupervisorError
from embedded.kafka.broker import prepare_broker
from embedded.kafka.readiness import wait_for_kafka
from embedded.log_tail import last_lines
from embedded.ports import ensure_all_free
from embedded.stack.lock import already_running, hold_lock
from embedded.stack.observing import (
    NODE_EXPORTER,
    PROMETHEUS,
    find_binaries,
    observing_programs,
    prepare_prometheus,
)
from embedded.stack.orphans import end_orphans
from embedded.stack.private_folder import make_private
from embedded.stack.programs import (
    GATEWAY,
    KAFKA,
    REGISTRY,
    UI,
    Program,
    kafka_program,
    service_programs,
)
from embedded.stack.readiness import CrashCount, ensure_alive, wait_until_ready
from embedded.stack.ready_notice import take_ready_notice
from embedded.stack.record import remove_record, write_record
from embedded.stack.reporter import Reporter
from embedded.stack.sample import find_sample, predict_sample
from embedded.stack.settings import StackSettings
from embedded.stack.supervisord import Supervisord
from embedded.stack.watch import describe_changes
from shared.kafka.admin import create_topics
from shared.kafka.settings import KafkaSettings

ProgramTable = Callable[[StackSettings], Sequence[Program]]

_WATCH_S = 1.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    settings: StackSettings, reporter: Reporter, *, services: ProgramTable = service_programs
) -> None:
    """Bring the whole stack up, stay until told to stop, leave nothing running.

    Raises an EmbeddedError where something outside stood in the way.
    """
    ready_notice = take_ready_notice()
    close_data_folder(settings, reporter)
    supervisord = Supervisord(settings.data)
    with hold_lock(settings.data), _interruptible():
        if supervisord.is_running():
            raise already_running(settings.data)
        try:
            started = time.monotonic()
            end_orphans(settings.data)  # of a stack that was killed together with its supervisor
            _bring_up(settings, reporter, supervisord, services(settings))
            way = "make down" if ready_notice.is_awaited else "Ctrl-C"
            reporter.say(f"Ready after {time.monotonic() - started:.1f} s. {way} stops everything.")
            ready_notice.send()
            _watch(reporter, supervisord)
        except KeyboardInterrupt:
            reporter.say("Stopping ...")
        finally:
            _ignore_stop_signals()
            stopped = supervisord.stop()
            remove_record(settings.data)
            if stopped:
                reporter.say("Everything is stopped; the data stays in " + str(settings.data))


def close_data_folder(settings: StackSettings, reporter: Reporter) -> None:
    """Make the data folder, for this user alone; report if others could read it before."""
    was_open = make_private(settings.data)
    if was_open is not None:
        reporter.say(
            f"Other users could read {settings.data} (mode {was_open:04o}); it is 0700 now."
        )


def _bring_up(
    settings: StackSettings,
    reporter: Reporter,
    supervisord: Supervisord,
    services: Sequence[Program],
) -> None:
    sample = find_sample(settings)
    observers = _observers(settings, reporter)
    programs = [*_broker_program(settings, reporter), *services, *observers]
    _ensure_can_start(settings, programs)
    write_record(settings)
    supervisord.start(programs)
    kafka = KafkaSettings(bootstrap_servers=settings.bootstrap_servers)
    with reporter.step(f"Kafka at {kafka.bootstrap_servers}"):
        _start_kafka(supervisord, kafka, settings)
    with reporter.step("topics"):
        _create_topics(kafka)
    _start_services(settings, reporter, supervisord, services)
    _start_observers(settings, reporter, supervisord, [*services, *observers])
    gateway = next(program for program in services if program.name == GATEWAY)
    with reporter.step(f"sample {sample.name} through {gateway.address}/predict"):
        key = settings.api_key.get_secret_value() if settings.api_key else None
        answer = predict_sample(gateway.address, sample, key)
    reporter.answer(answer)
    _start_ui(settings, reporter, supervisord, services)
    reporter.table(("program", "address"), _addresses(kafka, [*services, *observers]))


def _broker_program(settings: StackSettings, reporter: Reporter) -> list[Program]:
    if settings.external_kafka is not None:
        return []
    with reporter.downloads() as downloads:
        command = prepare_broker(settings.broker, downloads.file)
    return [kafka_program(settings, command)]


def _observers(settings: StackSettings, reporter: Reporter) -> Sequence[Program]:
    if not settings.observe:
        return ()
    binaries = find_binaries()
    if NODE_EXPORTER not in binaries:
        reporter.say(
            "Nobody watches the disk: prometheus-node-exporter is not on PATH "
            "(Debian and Ubuntu: apt install prometheus-node-exporter)."
        )
    return observing_programs(settings, binaries)


def _ensure_can_start(settings: StackSettings, programs: Sequence[Program]) -> None:
    manifest = settings.registry_seed_bundle / "manifest.json"
    if not manifest.is_file():
        raise MissingFileError(
            f"The model bundle is missing ({manifest}): restore it with git checkout, "
            "or train one with the trainer."
        )
    ports = [port for program in programs for port in program.ports]
    ensure_all_free([(port.number, port.setting) for port in ports])


def _start_kafka(supervisord: Supervisord, kafka: KafkaSettings, settings: StackSettings) -> None:
    crashes = {KAFKA: CrashCount()}

    def check() -> None:
        if settings.external_kafka is None:
            ensure_alive(supervisord, [KAFKA], crashes)

    if settings.external_kafka is None:
        supervisord.start_program(KAFKA)
    try:
        asyncio.run(wait_for_kafka(kafka, timeout_s=settings.start_timeout_s, check=check))
    except TimeoutError:
        reason = f"no broker at {kafka.bootstrap_servers} within {settings.start_timeout_s:.0f} s"
        raise NotReadyError(KAFKA, reason, last_lines(supervisord.log_path(KAFKA))) from None


def _create_topics(kafka: KafkaSettings) -> None:
    try:
        asyncio.run(create_topics(kafka))
    except KafkaError as error:
        raise NotReadyError("topics", f"Kafka refused to create them ({error})") from None


def _start_services(
    settings: StackSettings,
    reporter: Reporter,
    supervisord: Supervisord,
    services: Sequence[Program],
) -> None:
    # The registry comes first: workers learn the current model from what it announces.
    first = [program for program in services if program.name == REGISTRY]
    rest = [program for program in services if program.name not in (REGISTRY, UI)]
    for wave in (first, rest):
        for program in wave:
            supervisord.start_program(program.name)
        with reporter.step(", ".join(program.name for program in wave)):
            wait_until_ready(supervisord, wave, timeout_s=settings.start_timeout_s)


def _start_ui(
    settings: StackSettings,
    reporter: Reporter,
    supervisord: Supervisord,
    services: Sequence[Program],
) -> None:
    # After the first answer: nobody who only predicts waits for pages.
    pages = [program for program in services if program.name == UI]
    for program in pages:
        supervisord.start_program(program.name)
        with reporter.step(f"web UI at {program.address}"):
            wait_until_ready(supervisord, pages, timeout_s=settings.start_timeout_s)


def _start_observers(
    settings: StackSettings,
    reporter: Reporter,
    supervisord: Supervisord,
    programs: Sequence[Program],
) -> None:
    # After the services: what they do must never wait for who looks at them.
    observers = [program for program in programs if program.name in (PROMETHEUS, NODE_EXPORTER)]
    if not observers:
        return
    prepare_prometheus(settings, programs)
    for program in observers:
        supervisord.start_program(program.name)
    with reporter.step(", ".join(program.name for program in observers)):
        wait_until_ready(supervisord, observers, timeout_s=settings.start_timeout_s)


def _addresses(kafka: KafkaSettings, services: Sequence[Program]) -> list[tuple[str, str]]:
    rows = [(program.name, program.address) for program in services]
    return [(KAFKA, kafka.bootstrap_servers), *rows]


def _watch(reporter: Reporter, supervisord: Supervisord) -> None:
    """Report what ends and what comes back, until a signal or until the supervisor is gone."""
    before = supervisord.processes()
    while True:
        time.sleep(_WATCH_S)
        try:
            now = supervisord.processes()
        except SupervisorError:
            _ensure_stopped_in_order(reporter, supervisord)
            return
        for line in describe_changes(before, now):
            reporter.say(line)
        before = now


def _ensure_stopped_in_order(reporter: Reporter, supervisord: Supervisord) -> None:
    if end_orphans(supervisord.data):
        raise SupervisorError("The supervisor died; what it left behind was stopped.")
    reporter.say("The stack was stopped from elsewhere (make down).")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make every polite way to stop us raise KeyboardInterrupt, for as long as the stack lives."""
    before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_stop_signals() -> None:
    """Let nothing cut the orderly stop short: a second Ctrl-C is impatience, not news."""
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)

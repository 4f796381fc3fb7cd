"""The state of the system as rows and sentences."""

from collections.abc import Mapping

from pneumo import Status, StatusWorker
from ui.core.wording import MISSING, count_of, listed, moment_of_iso, span

Row = Mapping[str, str]


def health_sentence(status: Status) -> tuple[str, bool]:
    """Say in a sentence whether the system works, and whether all is well."""
    if not status.broker.reachable:
        return "The gateway does not reach Kafka: no prediction can be made.", False
    unready = [name for name, well in status.readiness.items() if not well]
    if unready:
        return f"The gateway is not ready: {listed(unready)}.", False
    ready = sum(worker.ready for worker in status.workers)
    if not ready:
        return "No worker is ready: predictions wait until one is.", False
    if ready < len(status.workers):
        return f"{ready} of {len(status.workers)} workers are ready.", False
    versions = {worker.version for worker in status.workers}
    if len(versions) > 1:
        return "Workers serve different versions just now: a swap is under way.", True
    return f"All is well: {count_of(ready, 'worker')} ready.", True


def headline(status: Status) -> list[tuple[str, str]]:
    """Give the figures that come first, each with its name."""
    model = status.current_model
    return [
        ("Up for", span(status.uptime_seconds)),
        ("Predictions served", f"{status.num_predictions:,}"),
        ("Throughput", rate(status.predictions_per_second)),
        ("Last retrain", last_retrain(status)),
        ("Current model", MISSING if model is None else model.version),
    ]


def last_retrain(status: Status) -> str:
    """Say when a training last ended, and how."""
    if status.last_retrain is not None:
        return f"{moment_of_iso(status.last_retrain.at)}: {status.last_retrain.state}"
    return "never" if status.last_retrain_time is None else moment_of_iso(status.last_retrain_time)


def worker_rows(status: Status) -> list[Row]:
    """Give each worker."""
    return [_worker(worker) for worker in status.workers]


def lag_rows(status: Status) -> list[Row]:
    """Give what waits in each topic for each group."""
    return [
        {"Topic": each.topic, "Group": each.group, "Records waiting": f"{each.records:,}"}
        for each in status.lag
    ]


def lag_sentence(status: Status) -> str:
    """Say what the lag means."""
    waiting = sum(each.records for each in status.lag)
    if not waiting:
        return "Nothing waits: workers keep up."
    wait_s = None if status.load is None else status.load.estimated_wait_seconds
    soon = "" if wait_s is None else f"; a new picture would wait about {wait_s:.2f} s"
    return f"{count_of(waiting, 'record waits', 'records wait')}{soon}."


def error_rows(status: Status) -> list[Row]:
    """Give what this gateway refused or failed at, newest first."""
    return [
        {
            "Last": moment_of_iso(each.last_at),
            "Code": each.code,
            "Status": str(each.status),
            "Route": each.route,
            "Times": f"{each.count:,}",
        }
        for each in status.errors
    ]


def rate(per_second: float | None) -> str:
    """Give predictions a second."""
    return MISSING if per_second is None else f"{per_second:.1f} / s"


def _worker(worker: StatusWorker) -> Row:
    return {
        "Worker": worker.id,
        "Ready": "yes" if worker.ready else "NO",
        "Version": worker.version or MISSING,
        "Throughput": rate(worker.predictions_per_second),
        "Answered": f"{worker.predictions:,}",
        "Partitions": str(worker.partitions),
        "Last seen": moment_of_iso(worker.last_seen),
        "Refuses": _refusal(worker),
    }


def _refusal(worker: StatusWorker) -> str:
    if worker.refused_version is None:
        return ""
    return f"{worker.refused_version}: {worker.refusal or 'no reason given'}"

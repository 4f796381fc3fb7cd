"""The duration of one response, by stage."""

from shared.contracts.predict import Timings


def split_ms(total_ms: float, admit_ms: float, worker: Timings | None) -> dict[str, float]:
    """Return the stages of a response in order: admit, the worker's, reply; milliseconds.

    admit_ms: from the start of the request until its record was on Kafka. worker: the stages that
    the worker reported, if any. reply: the rest of the total, at least 0: the worker's queue stage
    begins when the record is sent, not when it is confirmed, and is measured by another clock.
    """
    inside_ms = worker_ms(worker)
    reply_ms = max(0.0, total_ms - admit_ms - sum(inside_ms.values()))
    return {"admit": admit_ms, **inside_ms, "reply": reply_ms}


def worker_ms(worker: Timings | None) -> dict[str, float]:
    """Return the stages that the worker reported, milliseconds."""
    return {} if worker is None else worker.stages_ms()

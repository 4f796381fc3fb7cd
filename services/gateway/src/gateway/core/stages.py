"""Where the time of one answer went, stage by stage."""

from shared.contracts.predict import Timings


def split_ms(total_ms: float, admit_ms: float, worker: Timings | None) -> dict[str, float]:
    """Name the stages of an answer in their order: admit, the worker's, reply; milliseconds.

    admit_ms: from the request's beginning until its record was on Kafka. worker: what the worker
    said of its part, None where it said nothing. reply is what remains of the total. The worker's
    queue begins when the record is sent, not when it is confirmed, and by another clock: where its
    part leaves nothing, reply is 0 and not less.
    """
    inside_ms = worker_ms(worker)
    reply_ms = max(0.0, total_ms - admit_ms - sum(inside_ms.values()))
    return {"admit": admit_ms, **inside_ms, "reply": reply_ms}


def worker_ms(worker: Timings | None) -> dict[str, float]:
    """Name the stages that the worker told of, milliseconds; none where it said nothing."""
    return {} if worker is None else worker.stages_ms()

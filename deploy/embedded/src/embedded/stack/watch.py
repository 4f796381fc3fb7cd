"""What changed between two looks at the processes, in words."""

from collections.abc import Mapping, Sequence

from embedded.stack.supervisord import ProcessState

Processes = Mapping[str, ProcessState]


def describe_changes(before: Processes, now: Processes) -> Sequence[str]:
    """Give a line for each program that ended, came back, gave up, was added or removed."""
    lines = [f"{name} was added." for name in now if name not in before]
    lines += [f"{name} was removed." for name in before if name not in now]
    for name in before.keys() & now.keys():
        lines += _changes(before[name], now[name])
    return sorted(lines)


def _changes(before: ProcessState, now: ProcessState) -> Sequence[str]:
    if now.has_given_up and not before.has_given_up:
        return [f"{now.name} keeps crashing and is left alone; see: make logs SERVICE={now.name}"]
    if now.is_up and now.pid != before.pid:
        ended = " ended and" if before.is_up else ""
        return [f"{now.name}{ended} was started again (pid {now.pid})."]
    if before.is_up and not now.is_up:
        return [f"{now.name} ended ({_how(now)})."]
    return []


def _how(state: ProcessState) -> str:
    if state.state == "BACKOFF":
        return "crashed while starting"
    # supervisord reports -1 for a process that a signal ended.
    return "by a signal" if state.exit_code < 0 else f"exit code {state.exit_code}"

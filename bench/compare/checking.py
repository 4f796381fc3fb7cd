"""No figures of wrong answers: every system must say what the first one says."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.compare.load_client import LoadGenerator
from bench.compare.payloads import Payload
from bench.compare.records import THIS_SYSTEM
from bench.compare.targets import Target, is_sure, label_of

_CHECKED = 10
_ASKED_OF_EACH = 15
"""Images of each payload of which the checked ones are taken."""


class AnswerCheck:
    """Remembers what the first system says, and compares every other one once."""

    def __init__(self, load: LoadGenerator, payloads: Sequence[Payload]) -> None:
        self._load = load
        self._paths = [path for one in payloads for path in evenly(one.paths, _ASKED_OF_EACH)]
        self._expected: Mapping[Path, str] = {}
        self._agreed: set[str] = set()

    def ensure_agrees(self, name: str, target: Target) -> None:
        """Raise ValueError if a system gives another label on one of the images."""
        if name in self._agreed:
            return
        if not self._expected:
            self._expected = self._first_answers(name, target)
        bodies = self._load.ask(target, list(self._expected))
        labels = [label_of(target, body) for body in bodies]
        if labels != (expected := list(self._expected.values())):
            raise ValueError(f"{name} says {labels}, which should be {expected}")
        self._agreed.add(name)
        print(f"{name}: right on {len(labels)} images of {len(set(labels))} classes", flush=True)

    def _first_answers(self, name: str, target: Target) -> dict[Path, str]:
        bodies = self._load.ask(target, self._paths)
        told = {
            path: label_of(target, body)
            for path, body in zip(self._paths, bodies, strict=True)
            if name != THIS_SYSTEM or is_sure(body)
        }
        return {path: told[path] for path in evenly(list(told), _CHECKED)}


def evenly(paths: Sequence[Path], count: int) -> list[Path]:
    """Choose so many, spread over all of them; all, if there are no more."""
    step = max(1.0, len(paths) / count)
    return [paths[int(n * step)] for n in range(min(count, len(paths)))]

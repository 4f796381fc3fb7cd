"""What is wrong with one thing that a client sent."""

from dataclasses import dataclass

from shared.contracts.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class Fault:
    """code: for programs. detail: one sentence for people; names nothing of this machine."""

    code: ErrorCode
    detail: str

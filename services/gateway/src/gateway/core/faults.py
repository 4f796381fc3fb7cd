"""The fault of something that a client sent."""

from dataclasses import dataclass

from shared.contracts.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class Fault:
    """code: for programs. detail: a message for people, without internals of this machine."""

    code: ErrorCode
    detail: str

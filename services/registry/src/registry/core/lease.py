"""Who has something for a while, and until when."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lease:
    """Something is with its holder alone. until_ms: unix ms from which on others may take it."""

    holder: str
    until_ms: int

"""The limits of a connection."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of connections, below HTTP.

    max_per_address: connections of one address. reserved: further ones, for probes alone.
    max_pipelined: requests on one connection without an answer.
    max_head_bytes, max_headers: of one request, its path counted with its headers.
    head_timeout_s: until a head is whole. stall_timeout_s: until a client reads on.
    keep_alive_s: silence after an answer; unknown_keep_alive_s: of a client that showed no valid
    key where keys are asked for.
    """

    max_connections: int = 900
    max_per_address: int = 800
    reserved: int = 32
    max_pipelined: int = 8
    max_head_bytes: int = 32 * 1024
    max_headers: int = 100
    head_timeout_s: float = 10.0
    reserved_head_timeout_s: float = 2.0
    stall_timeout_s: float = 60.0
    keep_alive_s: int = 75
    unknown_keep_alive_s: int = 5

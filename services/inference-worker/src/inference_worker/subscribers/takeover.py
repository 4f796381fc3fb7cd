"""What a worker learns of the partitions that it is given, before it takes anything from them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from inference_worker.core.handovers import Zone, decide_zone, first_offset, is_orderly
from inference_worker.ports import OffsetSource
from shared.kafka.publisher import BrokerUnavailableError

_log = structlog.get_logger(__name__)
_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Takeover:
    """starts: partitions to go on with at full speed, and where. zones: those to take with care."""

    starts: dict[TopicPartition, int]
    zones: dict[TopicPartition, Zone]


async def survey(
    offsets: OffsetSource, partitions: Sequence[TopicPartition], mark: str
) -> Takeover:
    """Part what is ours now by how its last owner ended. Raises BrokerUnavailableError."""
    if not partitions:
        return Takeover({}, {})
    committed = {TopicPartition(*p): c for p, c in (await offsets.committed(partitions)).items()}
    starts = {p: c.offset for p, c in committed.items() if is_orderly(c, mark)}
    others = [p for p in committed if p not in starts]
    zones = {}
    bounds = await offsets.bounds(others) if others else {}
    for partition in others:
        beginning, end = bounds[partition]
        zone = decide_zone(committed[partition], mark, beginning=beginning, end=end)
        if zone is None:
            starts[partition] = first_offset(committed[partition], beginning)
        else:
            zones[partition] = zone
    return Takeover(starts, zones)


async def insist(ask: Callable[[], Awaitable[None]], leaving: asyncio.Event) -> bool:
    """Ask the broker until it answers; False if we leave before: then nothing is known."""
    while not leaving.is_set():
        try:
            await ask()
        except (KafkaError, BrokerUnavailableError) as error:
            _log.warning("partitions not taken over yet", error=repr(error))
            await asyncio.sleep(_AGAIN_S)
        else:
            return not leaving.is_set()
    return False

"""How many predictions a second a stack takes, told by clients that ask again at once."""

import asyncio
import time
from collections.abc import Sequence

from shared.testing.load import RawClient

CLIENTS = 32
MOST_S = 15.0
"""Longer than this is not measured: the figure is to be had before the soak, not instead of it."""

_WAIT_S = 30.0


def measure_capacity(
    url: str, images: Sequence[bytes], *, seconds: float, key: str | None = None
) -> float:
    """Give the answers a second of clients that never wait between two requests.

    Asks as long once before it counts: caches, compilers, connections.
    """
    asyncio.run(_ask(url, images, seconds, key))
    return asyncio.run(_ask(url, images, seconds, key)) / seconds


async def _ask(url: str, images: Sequence[bytes], seconds: float, key: str | None) -> int:
    end_s = time.monotonic() + seconds

    async def ask_on(first: int) -> int:
        client, answered, asked = RawClient(url, key=key), 0, 0
        while time.monotonic() < end_s:
            image = images[(first + asked) % len(images)]
            answer = await client.predict(image, wait_s=_WAIT_S)
            asked += 1
            answered += answer.said == "200"
        client.close()
        return answered

    return sum(await asyncio.gather(*map(ask_on, range(CLIENTS))))

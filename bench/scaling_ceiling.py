"""How far throughput can grow with workers at all, whatever the code costs. Arithmetic alone.

A request's id chooses its partition at random, and each partition has one worker at a time. So a
worker with one partition more than the others is asked for more than they are, and of a bounded
number of clients there are moments when nobody asks one worker, while others have a queue.
"""

import heapq
import random

_REQUESTS_A_WORKER = 5_000
_BATCH = 16


def even_share(partitions: int, workers: int) -> float:
    """Give the share of `workers` times one worker's rate that an endless queue would reach.

    (0 to 1] Every partition is asked for equally often; the worker with the most is full first.
    Partitions are dealt as evenly as they can be.
    """
    most = -(-partitions // workers)
    return partitions / (workers * most)


def closed_loop_share(
    partitions: int, workers: int, clients: int, *, batch: int = _BATCH, seed: int = 0
) -> float:
    """Give the same for clients that each ask again as soon as they are answered; simulated.

    Each worker takes up to `batch` of the requests that wait for it, needs one unit of time for
    each, and answers all of them together at the end; everything else takes no time.
    """
    clients_at = _Clients(partitions, workers, batch, random.Random(seed))
    clients_at.ask(clients)
    ends_at = float(_REQUESTS_A_WORKER)
    answered = 0
    while clients_at.ends[0][0] <= ends_at:
        answered += clients_at.answer_next()
    return answered / (workers * ends_at)


class _Clients:
    """Where every client's request is: waiting for a worker, or in its batch."""

    def __init__(self, partitions: int, workers: int, batch: int, rng: random.Random) -> None:
        self._owners = [partition % workers for partition in range(partitions)]
        self._waiting = [0] * workers
        self._idle = set(range(workers))
        self._batch = batch
        self._rng = rng
        self.ends: list[tuple[float, int, int]] = []
        """Heap of the batches that are computed: when one ends, whose it is, how large."""

    def ask(self, count: int, now: float = 0.0) -> None:
        """Put so many requests on partitions drawn at random; who is idle begins."""
        for owner in self._rng.choices(self._owners, k=count):
            self._waiting[owner] += 1
        for worker in sorted(self._idle):
            if taken := min(self._waiting[worker], self._batch):
                self._waiting[worker] -= taken
                self._idle.remove(worker)
                heapq.heappush(self.ends, (now + taken, worker, taken))

    def answer_next(self) -> int:
        """End the batch that ends first; its clients ask again. Gives how many were answered."""
        now, worker, answered = heapq.heappop(self.ends)
        self._idle.add(worker)
        self.ask(answered, now)
        return answered

"""The end of a client's wait: the outcome still arrives, or the client gets the id."""

import asyncio

from gateway.ports import AcceptedLog, Outcome
from gateway.service.outcomes import OutcomeFinder
from shared.contracts.accepted import AcceptedRequest
from shared.kafka.publisher import BrokerUnavailableError

_LATE_S = 1.0
_LATE_SHARE = 0.2
_CONFIRM_S = 1.0


def late_period_s(wait_s: float) -> float:
    """Return the length of the late period at the end of a wait, in seconds.

    Requests answered before it, nearly all, need no record on `predict.accepted`.
    """
    return min(_LATE_S, _LATE_SHARE * wait_s)


class LateRequests:
    """Records late requests on `predict.accepted` before their clients are given an id.

    Such a client may read its outcome after any outage, so the id must outlive its request.
    """

    def __init__(self, accepted: AcceptedLog, outcomes: OutcomeFinder) -> None:
        self._accepted = accepted
        self._outcomes = outcomes

    async def await_outcome(
        self, request: AcceptedRequest, future: "asyncio.Future[Outcome]", wait_s: float
    ) -> Outcome | None:
        """Wait for the outcome during the late period; None: it may arrive later and be read by id.

        Raises BrokerUnavailableError if the entry was not confirmed within one more second: the
        client must not rely on the id then.
        """
        noting = asyncio.create_task(self._note(request))
        try:
            await asyncio.wait((future,), timeout=wait_s)
            if not future.done():
                # Before the client gets the id: it may read the outcome at once.
                self._outcomes.add_pending(request.id, request.deadline_ms)
                either: tuple[asyncio.Future[Outcome] | asyncio.Future[bool], ...] = (
                    future,
                    noting,
                )
                await asyncio.wait(either, timeout=_CONFIRM_S, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            if noting.done() and noting.result():
                return None
            self._outcomes.discard_pending(request.id)
            raise BrokerUnavailableError("the broker did not confirm that the id is kept")
        finally:
            noting.cancel()

    async def _note(self, request: AcceptedRequest) -> bool:
        try:
            await self._accepted.note(request)
        except BrokerUnavailableError:
            return False
        return True

"""The hour that strikes and the images that gathered: training asked for by nobody."""

import asyncio

import structlog

from registry.core.retraining import RetrainRules
from registry.ports import StoreUnavailableError
from registry.service.jobs import JobService

_log = structlog.get_logger(__name__)
_INTERVAL_S = 5.0


class RetrainOccasions:
    """Looks every few seconds whether the rules ask for a job."""

    def __init__(self, service: JobService, rules: RetrainRules) -> None:
        self._service = service
        self._rules = rules

    async def run(self) -> None:
        """Look until cancelled; not once if the rules are off."""
        while not self._rules.are_off:
            try:
                job = await self._service.retrain_if_due(self._rules)
            except StoreUnavailableError as error:
                _log.warning("not known whether to train", error=str(error))
            else:
                if job is not None:
                    _log.info("training requested", job_id=job.id, mode=job.mode)
            await asyncio.sleep(_INTERVAL_S)

"""Forgets what is old, and keeps what was learnt of the price: now and then, and whoever polls."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from meetupkit.errors import StoreRefused, StoreUnavailable

from meetup_gateway.durations import DAY_MS, SECOND_MS
from meetup_gateway.metrics import Metrics
from meetup_gateway.source.budget import Budget
from meetup_gateway.storage.erasure import purge_members
from meetup_gateway.storage.log import Log
from meetup_gateway.storage.meta import Meta

log = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Tidying:
    """``now`` is seconds since the epoch."""

    meta: Meta
    log: Log
    budget: Budget
    metrics: Metrics
    log_days: float
    member_days: float
    now: Callable[[], float]

    def step(self) -> float:
        """Do it; seconds until it is due again."""
        now = int(self.now() * SECOND_MS)
        try:
            self.meta.keep_budget(self.budget.state)
            self.log.trim(now - int(self.log_days * DAY_MS))
            purge_members(self.meta.file, now - int(self.member_days * DAY_MS))
            oldest = self.log.oldest()
            self.metrics.log_age.set((now - oldest) / SECOND_MS if oldest else 0)
            self.metrics.store_up.set(1)
        except (StoreUnavailable, StoreRefused) as error:
            self.metrics.store_up.set(0)
            log.warning("nothing is forgotten for the moment: %s", error, extra={"event": "store_unavailable"})
        return _EVERY_SECONDS

"""What is done next: one step at a time, the most urgent first. Returns how long there is nothing to do."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from meetupkit.errors import StoreRefused, StoreUnavailable, UpstreamRefused, UpstreamUnavailable

from meetup_gateway.durations import HOUR_MS, SECOND_MS
from meetup_gateway.follow import Follow
from meetup_gateway.polling.backfill import Backfill
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.discovery import Discovery
from meetup_gateway.polling.figures import Figures
from meetup_gateway.polling.group_profiles import FollowedProfiles
from meetup_gateway.polling.questions import Questions
from meetup_gateway.polling.rsvp_reads import Reader
from meetup_gateway.polling.schema_looks import SchemaLooks
from meetup_gateway.polling.sweeps import Sweeper
from meetup_gateway.scheduling.plan import NetworkState, Target, plan
from meetup_gateway.source.budget import Budget, Share
from meetup_gateway.storage.lease import Lease, Superseded

log = logging.getLogger(__name__)

LEASE_EVERY_MS: Final = 10_000
_UNAVAILABLE_SECONDS: Final = 5.0
_STANDBY_SECONDS: Final = 5.0
_REFUSED_SECONDS: Final = 60.0
"""How often a key or an endpoint that is refused is tried: an operator who mends it need not restart anything."""
_STORE_SECONDS: Final = 5.0
_READS: Final = 40
_ASK_ALL_MS: Final = HOUR_MS
"""How often fields that the API lost are asked for again; it costs one refused query."""
_PLAN_EVERY_MS: Final = 10_000
"""The plan is made anew so often: with thousands of groups it takes some milliseconds."""


class Poller:
    """One process's polling. ``why_not`` says why it does not, in a sentence."""

    def __init__(self, context: Context, follow: Follow, lease: Lease, budget: Budget) -> None:
        self._context = context
        self._lease = lease
        self._budget = budget
        self._figures = Figures(context, budget)
        self._discovery = Discovery(context, follow)
        self._sweeper = Sweeper(context)
        self._sweeper.networks = {name: NetworkState() for name in follow.networks}
        self._reader = Reader(context)
        self._questions = Questions(context)
        self._profiles = FollowedProfiles(context)
        self._schema = SchemaLooks(context)
        self._backfill = Backfill(context)
        self._targets: list[Target] = []
        self._planned = 0
        self._leased = 0
        self._reads_last = False
        self._settled = False
        self._asked_all = context.now()
        self.why_not: str | None = "starting"

    def step(self) -> float:
        """Do one thing; seconds to rest before the next."""
        try:
            if not self._holds_lease():
                return _STANDBY_SECONDS
            wait = self._next()
        except Superseded:
            self._leased = 0
            return _STANDBY_SECONDS
        except UpstreamRefused as error:
            self.why_not = str(error)
            self._context.metrics.api_refused.set(1)
            return _REFUSED_SECONDS
        except UpstreamUnavailable as error:
            self._context.watch.unavailable(str(error))
            self._context.metrics.api_up.set(0)
            return max(_UNAVAILABLE_SECONDS, error.retry_after or 0.0)
        except (StoreUnavailable, StoreRefused) as error:
            self.why_not = f"the database does not take records: {error}"
            self._context.metrics.store_up.set(0)
            return _STORE_SECONDS
        self.why_not = self._context.watch.refusal
        self._figures.tell()
        return min(max(wait, 0.0), self._context.options.idle_seconds)

    def _holds_lease(self) -> bool:
        now = self._context.now()
        if 0 <= now - self._leased < LEASE_EVERY_MS:
            return True
        if not self._lease.acquire(now):
            self._context.metrics.polling.set(0)
            self.why_not = None
            return False
        self._context.metrics.polling.set(1)
        self._leased = now
        if not self._settled:
            self._discovery.settle()
            self._settled = True
        return True

    def _next(self) -> float:
        now = self._context.now()
        if now - self._asked_all >= _ASK_ALL_MS:
            self._asked_all = now
            self._context.watch.ask_again()
        if self._sweeper.turned_private:
            self._discovery.settle()
            self._sweeper.turned_private, self._planned = False, 0
        if lines := self._discovery.due(now):
            self._planned = 0
            return self._discovery.read(lines)
        if self._sweeper.nulls:
            return self._questions.ask_groups(self._sweeper.nulls)
        if self._sweeper.suspects:
            return self._questions.ask_events(self._sweeper.suspects)
        return self._look(now)

    def _look(self, now: int) -> float:
        """Reads and sweeps in turn, then what can wait."""
        events = [] if self._reader.busy else self._context.state.events_due(now, _READS)
        reads = self._reader.busy or bool(events)
        targets = self._due_targets(now)
        sweeps = self._sweeper.busy or bool(targets)
        if reads and not (sweeps and self._reads_last):
            return self._turn(lambda: self._reader.read(events), reads=True)
        if sweeps:
            self._planned = 0
            return self._turn(lambda: self._sweeper.sweep(targets), reads=False)
        return self._leisure(now)

    def _turn(self, work: Callable[[], float], *, reads: bool) -> float:
        """Who waits for points, and got none, keeps the turn: the other one would take them as they come."""
        self._reads_last, spent = reads, self._budget.estimated
        wait = work()
        if wait and self._budget.estimated == spent:
            self._reads_last = not reads
        return wait

    def _leisure(self, now: int) -> float:
        profiles = self._profiles.work(now)
        if profiles is not None:
            return profiles
        look = self._schema.work(now)
        if look is not None:
            return look
        backfill = self._backfill.work()
        return self._rest(now) if backfill is None else backfill

    def _due_targets(self, now: int) -> list[Target]:
        if now - self._planned >= _PLAN_EVERY_MS or not self._planned:
            self._plan(now)
        busy = self._sweeper.busy
        due = sorted(
            (target for target in self._targets if target.due <= now and target.name not in busy),
            key=lambda each: -each.lateness(now),
        )
        if not due:
            return []
        size = self._context.api.fitting(Share.LIVE)
        same = [target for target in due if target.network == due[0].network]
        return same[: max(1, size - len(busy))]

    def _plan(self, now: int) -> None:
        groups = self._context.state.groups()
        self._targets = plan(
            groups,
            self._sweeper.networks,
            self._context.state.nearest_starts(now),
            now=now,
            cost=self._cost_of_a_root(),
            points_a_minute=self._budget.points_a_minute(),
            floor=self._context.options.floor_seconds,
        )
        self._planned = now
        self._figures.tell_targets(groups, self._targets, now)

    def _cost_of_a_root(self) -> float:
        size = self._context.api.batch_size(Share.LIVE)
        return self._budget.cost(size) / size

    def _rest(self, now: int) -> float:
        """Until the next thing is due."""
        nearest = min((target.due for target in self._targets), default=1 << 62)
        reads = self._context.state.next_due()
        nearest = min(nearest, self._discovery.next_due(), reads if reads is not None else nearest)
        return max(0.05, (nearest - now) / SECOND_MS)

    @property
    def missing(self) -> Mapping[str, str]:
        """Lines of the follow list that name nothing."""
        return self._discovery.missing

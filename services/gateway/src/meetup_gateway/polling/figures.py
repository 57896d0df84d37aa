"""What the metrics say of polling: what is followed, how old it is, and whether the API and the points allow it."""

from collections.abc import Iterable, Sequence

from meetup_gateway.durations import SECOND_MS
from meetup_gateway.observing.states import GroupState
from meetup_gateway.polling.context import Context
from meetup_gateway.scheduling.intervals import Urgency
from meetup_gateway.scheduling.plan import Target
from meetup_gateway.source.budget import Budget


class Figures:
    """Tells them when it is asked to."""

    def __init__(self, context: Context, budget: Budget) -> None:
        self._context = context
        self._budget = budget
        self._first_seen: dict[str, int] = {}

    def tell(self) -> None:
        """Of the API, the database and the points; after a step that went well."""
        metrics, watch = self._context.metrics, self._context.watch
        metrics.store_up.set(1)
        metrics.api_up.set(watch.outage is None)
        metrics.api_refused.set(watch.refusal is not None)
        metrics.contract.set(len(watch.removed))
        price = self._budget.state.price
        metrics.root_price.set(price.per_root)
        metrics.request_price.set(price.per_request)
        metrics.points_estimated.set(self._budget.estimated)
        metrics.points_left.set(self._budget.left(self._context.clock()))

    def tell_targets(self, groups: Iterable[GroupState], targets: Sequence[Target], now: int) -> None:
        """Of groups by their state, and of targets by their urgency; after each plan."""
        metrics = self._context.metrics
        states = {"swept": 0, "failing": 0, "frozen": 0, "gone": 0, "sleeping": 0, "unfollowed": 0}
        for group in groups:
            states[_state_of(group, now)] += 1
        for state, number in states.items():
            metrics.targets.labels(state).set(number)
        for urgency in Urgency:
            some = [target for target in targets if target.urgency is urgency]
            oldest = min((target.swept or self._started(target.name, now) for target in some), default=now)
            metrics.staleness.labels(urgency.value).set((now - oldest) / SECOND_MS)
            metrics.interval.labels(urgency.value).set(max((target.seconds for target in some), default=0.0))

    def _started(self, name: str, now: int) -> int:
        """A target that was never swept is as stale as it is known."""
        return self._first_seen.setdefault(name, now)


def _state_of(group: GroupState, now: int) -> str:
    if not group.targets:
        return "unfollowed"
    if group.gone:
        return "gone"
    if group.frozen_until > now:
        return "frozen"
    if group.failures:
        return "failing"
    return "sleeping" if group.sleeping else "swept"

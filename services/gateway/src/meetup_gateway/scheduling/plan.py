"""Which target is due: groups by themselves, and networks, whose one list shows the events of many groups. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from meetupkit.retry import doubled

from meetup_gateway.observing.states import GroupState
from meetup_gateway.scheduling.intervals import CHANGES_A_DAY, Load, Urgency, intervals, sleeping, urgency_of

_EVENTS_A_PAGE: Final = 100
_FIRST_FAILURE_SECONDS: Final = 30.0
_LONGEST_FAILURE_SECONDS: Final = 3840.0
"""30 s, doubled up to about an hour: a target that fails does not eat the points of those that do not."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that one query sweeps. Times are milliseconds."""

    name: str
    network: bool
    groups: tuple[str, ...]
    urgency: Urgency
    swept: int
    tried: int
    failures: int
    seconds: float = 0.0

    @property
    def due(self) -> int:
        """When it is to be swept: at once, if it never was."""
        if self.failures:
            wait = doubled(self.failures, first=_FIRST_FAILURE_SECONDS, longest=_LONGEST_FAILURE_SECONDS)
            return self.tried + int(1000 * max(wait, min(self.seconds, 3600)))
        return self.swept + int(self.seconds * 1000) if self.swept else 0

    def lateness(self, now: int) -> float:
        """Its age in intervals. Where points are short, the latest first keeps all intervals in proportion."""
        return (now - self.swept) / (1000 * self.seconds) if self.swept and self.seconds else math.inf


@dataclass(frozen=True, slots=True)
class NetworkState:
    """When a network was swept and tried, and how many pages it has."""

    swept: int = 0
    tried: int = 0
    failures: int = 0
    events: int = 0


def plan(
    groups: Iterable[GroupState],
    networks: Mapping[str, NetworkState],
    starts: Mapping[str, int],
    *,
    now: int,
    cost: float,
    points_a_minute: float,
    floor: float,
) -> list[Target]:
    """Every target with its interval. ``cost`` is that of one root field; ``starts`` the groups' next events."""
    followed = [group for group in groups if group.targets]
    bare: list[Target] = []
    loads: list[Load] = []
    asleep: list[bool] = []
    for group in followed:
        if group.network in networks:
            continue
        urgency = urgency_of(starts.get(group.id), now)
        bare.append(Target(group.id, False, (group.id,), urgency, group.swept, group.tried, group.failures))
        loads.append(Load(CHANGES_A_DAY[urgency], cost))
        asleep.append(group.sleeping or group.gone)
    for name, state in networks.items():
        members = tuple(group.id for group in followed if group.network == name)
        urgencies = [urgency_of(starts.get(group_id), now) for group_id in members]
        pages = 1 + state.events // _EVENTS_A_PAGE
        nearest = min(urgencies, key=list(Urgency).index, default=Urgency.NONE)
        bare.append(Target(name, True, members, nearest, state.swept, state.tried, state.failures))
        rate = sum(CHANGES_A_DAY[urgency] for urgency in urgencies) or CHANGES_A_DAY[Urgency.NONE]
        loads.append(Load(rate, cost * pages))
        asleep.append(False)
    seconds = intervals(loads, points_a_minute, floor)
    return [
        _with(target, sleeping(each) if sleeps else each)
        for target, each, sleeps in zip(bare, seconds, asleep, strict=True)
    ]


def _with(target: Target, seconds: float) -> Target:
    return Target(
        target.name,
        target.network,
        target.groups,
        target.urgency,
        target.swept,
        target.tried,
        target.failures,
        seconds,
    )

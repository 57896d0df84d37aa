"""When an event that is not shown any more may be asked for, and what it then is. Pure.

Nothing is deleted because it was not seen: it takes two complete sweeps, ten minutes, and a question by its id. Too
many at once, a group that is null, or silence in many places at once is Meetup's trouble and not a deletion.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from meetup_gateway.durations import DAY_MS, HOUR_MS
from meetup_gateway.observing.states import EventState, GroupState

SWEEPS: Final = 2
APART_MS: Final = 10 * 60_000
_MOST: Final = 5
_MOST_SHARE: Final = 0.3
FREEZE_MS: Final = 6 * HOUR_MS
"""As long as an outage of Meetup may last; after it they are asked for, one by one."""
_USUAL_MS: Final = 7 * DAY_MS
_SILENT_SHARE: Final = 0.2
_SHOWN: Final = frozenset({"upcoming", "proposed"})
"""A network's list leaves out what was called off."""
_SILENT_LEAST: Final = 3
"""Of fewer groups, each question by id is guard enough."""


@dataclass(frozen=True, slots=True)
class Absences:
    """What a complete sweep did not show: states to keep, and events that may be asked for."""

    states: tuple[EventState, ...]
    suspects: tuple[EventState, ...]
    frozen: bool


def absences(
    group: GroupState, known: Collection[EventState], shown: frozenset[str], begins: int, now: int
) -> Absences:
    """What of ``known`` a complete sweep from ``begins`` on should have shown, and did not."""
    expected = [state for state in known if _should_be_shown(state, begins, now)]
    missing = [state for state in expected if state.token not in shown]
    if len(missing) > max(_MOST, _MOST_SHARE * len(expected)) and group.frozen_until <= now - FREEZE_MS:
        return Absences((), (), frozen=True)
    if now < group.frozen_until:
        return Absences((), (), frozen=False)
    counted = tuple(
        msgspec.structs.replace(state, absent=state.absent + 1, absent_since=state.absent_since or now)
        for state in missing
    )
    suspects = tuple(state for state in counted if state.absent >= SWEEPS and now - state.absent_since >= APART_MS)
    begun = tuple(
        msgspec.structs.replace(state, absent=1, absent_since=now)
        for state in known
        if state.token not in shown and not state.absent and _is_under_way(state, begins, now)
    )
    return Absences((*counted, *begun), suspects, frozen=False)


def _is_under_way(state: EventState, begins: int, now: int) -> bool:
    """Begun and not ended: that it is not shown says nothing of it, but its answers are worth a look."""
    if state.starts is None or state.ends is None or state.over:
        return False
    return begins < state.starts <= now < state.ends


def _should_be_shown(state: EventState, begins: int, now: int) -> bool:
    """Upcoming events whose time is known; one that has begun is finished, and never deleted."""
    return state.status in _SHOWN and not state.over and state.starts is not None and state.starts > max(begins, now)


def after_sweep(group: GroupState, upcoming: int, now: int, *, frozen: bool) -> GroupState:
    """The group after a complete sweep that showed so many upcoming events."""
    forgotten = now - group.usual_at > _USUAL_MS
    usual = upcoming if forgotten or upcoming >= group.usual else group.usual
    return msgspec.structs.replace(
        group,
        swept=now,
        tried=now,
        failures=0,
        events=upcoming,
        usual=usual,
        usual_at=now if forgotten or upcoming >= group.usual else group.usual_at,
        zero=not upcoming and group.usual > 0 and not forgotten,
        frozen_until=now + FREEZE_MS if frozen else group.frozen_until,
        gone=False,
    )


def silent_zero(groups: Iterable[GroupState]) -> bool:
    """Whether so many groups show nothing all at once that nothing can be concluded from it."""
    usual = [group for group in groups if group.usual and group.targets]
    zero = sum(group.zero for group in usual)
    return zero >= _SILENT_LEAST and zero > _SILENT_SHARE * len(usual)


def controls(known: Sequence[EventState], suspects: Mapping[str, EventState]) -> EventState | None:
    """An event that was just seen, to be asked for beside a suspect: if it is null too, the API is to blame."""
    return next((state for state in known if state.token not in suspects and not state.over and not state.absent), None)

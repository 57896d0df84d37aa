"""When an event's answers are to be read: at once when a sweep says that they moved, and whole now and then. Pure.

No sweep can say so of an event that lists leave out. Before its start it is asked for by id; if there was no time for
that, its answers are read when it begins, and not only at the end: by then they may be others.
"""

from typing import Final

from meetupkit.retry import doubled

from meetup_gateway.durations import DAY_MS, HOUR_MS
from meetup_gateway.observing.states import EventState

_SOON_MS: Final = 7 * DAY_MS
_FINAL_MS: Final = HOUR_MS
"""After its end: organisers mark attendance on the spot, and late answers come in."""
_FIRST_RETRY_SECONDS: Final = 120.0
_LONGEST_RETRY_SECONDS: Final = 3840.0
"""About an hour: a list that fails for long does not eat the points of those that can be read."""


def read_due(event: EventState, now: int) -> int | None:
    """Milliseconds at which to read, or ``None``: not by anything that is known now."""
    if event.over or not event.status:
        return None
    if event.failures:
        wait = doubled(event.failures, first=_FIRST_RETRY_SECONDS, longest=_LONGEST_RETRY_SECONDS)
        return event.tried + int(1000 * wait)
    if not event.read or event.signal != event.read_signal:
        return now
    return min((due for due in (whole_due(event), _vanished_due(event)) if due is not None), default=None)


def _vanished_due(event: EventState) -> int | None:
    """Once, as soon as nobody asks for it by id any more."""
    if not event.absent or event.starts is None:
        return None
    begun = max(event.starts, event.absent_since)
    return begun if event.read < begun else None


def whole_due(event: EventState) -> int | None:
    """When the list is to be read whole: daily in the last week before the event, and once after its end."""
    if event.final or event.ends is None or event.starts is None:
        return None
    daily = max(event.read_whole + DAY_MS, event.starts - _SOON_MS)
    return daily if daily < event.starts else event.ends + _FINAL_MS


def reads_whole(event: EventState, now: int) -> bool:
    """Whether a read that is due now should go to the list's end."""
    due = whole_due(event)
    return not event.read or (due is not None and due <= now)

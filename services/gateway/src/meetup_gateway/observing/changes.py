"""What a sweep of one group changes: versions to append, states to keep. Pure.

A fingerprint that differs is a version. One that was seen until a moment ago comes from a replica that is behind, and
is not. An event is its token: a new id is the same event.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from meetup_gateway.observing.events import Observed
from meetup_gateway.observing.fingerprints import fingerprint, same_but_for
from meetup_gateway.observing.states import EventState

STALE_MS: Final = 5 * 60_000
"""A replica that is behind by more is not behind but broken."""
_DELETED: Final = "deleted"
CALLED_OFF: Final = "canceled"
_UNREAD: Final = "called off"
"""No sweep's signal: the answers are to be read once more, whatever the counts say."""


@dataclass(frozen=True, slots=True)
class Version:
    """A record that has changed; its mtime is bounded when it is appended."""

    feed: str
    id: str
    record: dict[str, Any]
    mtime: int
    event: str | None = None
    member: int | None = None
    updated: int | None = None
    """When it changed at Meetup, where that is known: how late we are."""


@dataclass(slots=True)
class Changes:
    """What is to be committed at once."""

    versions: list[Version] = field(default_factory=list)
    events: list[EventState] = field(default_factory=list)
    rekeyed: int = 0
    stale: int = 0


LastRecord = Callable[[str], Mapping[str, Any] | None]
"""The record of an event that was appended last."""


def changes_of_events(
    known: Mapping[str, EventState],
    observed: Sequence[Observed],
    now: int,
    *,
    count_every: int,
    last_record: LastRecord,
    whole: bool,
    unread: Iterable[str] = (),
) -> Changes:
    """What these observations change.

    ``whole``: the group has no other events. ``unread`` are keys of records that the API lost: that they are not there
    is no change.
    """
    changes = Changes()
    for each, state in _linked(known, observed, changes, whole=whole):
        changes.events.append(_next_state(each, state, now, changes, count_every, last_record, tuple(unread)))
    return changes


def _linked(
    known: Mapping[str, EventState], observed: Sequence[Observed], changes: Changes, *, whole: bool
) -> list[tuple[Observed, EventState | None]]:
    """Each observation with the event that it is: by token, by id, or as the one that vanished in its place."""
    by_id = {state.event_id: state for state in known.values()}
    tokens = {each.token for each in observed}
    missing: dict[tuple[int | None, str], EventState] = {
        (state.starts, state.title): state
        for state in known.values()
        if whole and state.token not in tokens and not state.over and state.starts is not None
    }
    linked: list[tuple[Observed, EventState | None]] = []
    taken: set[str] = set()
    for each in observed:
        state = known.get(each.token) or by_id.get(each.event_id)
        if state is None and (state := missing.pop((each.starts, each.title), None)):
            changes.rekeyed += 1
        if state is not None and state.token in taken:
            continue  # the list showed it twice
        taken.add(state.token if state else each.token)
        linked.append((each, state))
    return linked


def _next_state(
    each: Observed,
    state: EventState | None,
    now: int,
    changes: Changes,
    count_every: int,
    last_record: LastRecord,
    unread: tuple[str, ...],
) -> EventState:
    seen = _seen(each, state, now, unread)
    if each.record is None:
        return seen
    if state is None or not state.fingerprint:
        return _emit(each, seen, now if each.created is None else each.created, now, changes)
    if _same(each, state, last_record, unread):
        yes = each.record.get("yes_rsvp_count")
        if yes != state.yes and now - state.emitted >= count_every:
            return _emit(each, seen, now, now, changes)
        return seen
    if each.fingerprint == state.before and now - state.before_seen < STALE_MS:
        changes.stale += 1
        return msgspec.structs.replace(seen, seen=state.seen, title=state.title, starts=state.starts, ends=state.ends)
    return _emit(each, seen, now, now, changes, before=state)


def _same(each: Observed, state: EventState, last_record: LastRecord, unread: tuple[str, ...]) -> bool:
    if each.fingerprint == state.fingerprint:
        return True
    if not unread or each.record is None:
        return False
    last = last_record(state.token)
    return last is not None and same_but_for({**each.record, "id": state.token}, last, unread)


def _seen(each: Observed, state: EventState | None, now: int, unread: tuple[str, ...]) -> EventState:
    base = state or EventState(token=each.token, event_id=each.event_id, group_id=each.group_id)
    timed = "time" not in unread  # if the API lost the time, what is known of it stays
    return msgspec.structs.replace(
        base,
        event_id=each.event_id,
        title=each.title,
        starts=each.starts if timed else base.starts,
        ends=each.ends if timed else base.ends,
        seen=now,
        signal=each.signal or base.signal,
        absent=0,
        absent_since=0,
        over=base.over and base.final and not _upcoming(each, now),
        final=base.final and not _upcoming(each, now),
    )


def _upcoming(each: Observed, now: int) -> bool:
    return each.ends is not None and each.ends > now


def _emit(
    each: Observed, state: EventState, mtime: int, now: int, changes: Changes, before: EventState | None = None
) -> EventState:
    record = {**(each.record or {}), "id": state.token}
    changes.versions.append(Version("open_events", state.token, record, mtime, event=state.token))
    off = each.status == CALLED_OFF != state.status
    return msgspec.structs.replace(
        state,
        read_signal=_UNREAD if off else state.read_signal,
        status=each.status,
        fingerprint=each.fingerprint,
        before=before.fingerprint if before else state.before,
        before_seen=before.seen if before else state.before_seen,
        yes=record.get("yes_rsvp_count", 0),
        emitted=now,
    )


def deleted(state: EventState, last: Mapping[str, Any], now: int) -> tuple[Version, EventState]:
    """The event that is not there any more: its last record once more, with that status."""
    version, after = _with_status(state, last, _DELETED, now)
    # No record's fingerprint: should it come back, that is a change.
    return version, msgspec.structs.replace(after, fingerprint=_DELETED.encode(), over=True, absent=0, absent_since=0)


def called_off(state: EventState, last: Mapping[str, Any], now: int) -> tuple[Version, EventState]:
    """The event whose status alone is known to be another: its last record once more, as the next sweep would tell."""
    version, after = _with_status(state, last, CALLED_OFF, now)
    return version, msgspec.structs.replace(
        after, fingerprint=fingerprint(version.record), before=state.fingerprint, before_seen=state.seen
    )


def _with_status(state: EventState, last: Mapping[str, Any], status: str, now: int) -> tuple[Version, EventState]:
    record = {name: value for name, value in last.items() if name != "mtime"} | {"status": status}
    version = Version("open_events", state.token, record, now, event=state.token)
    return version, msgspec.structs.replace(state, status=status, emitted=now)


def read_record(body: bytes | None) -> dict[str, Any] | None:
    """A record from the log."""
    return None if body is None else json.loads(body)

"""What is remembered of groups, events and RSVPs, to tell at the next look what has changed. Pure."""

from typing import Final

import msgspec

Fingerprint = bytes
NONE_SEEN: Final = 0


class GroupState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One followed group. Times are milliseconds since the epoch; 0 is never."""

    id: str
    urlname: str
    targets: tuple[str, ...] = ()
    """Which lines of the follow list it comes from; none: it is not followed any more."""
    network: str = ""
    """The network whose sweep shows its events, if one does."""
    private: bool = False
    sleeping: bool = False
    """Frozen or closed at Meetup."""
    swept: int = 0
    """Last complete sweep."""
    tried: int = 0
    failures: int = 0
    events: int = 0
    """Upcoming events at the last complete sweep."""
    usual: int = 0
    """The most that a sweep of the last days showed."""
    usual_at: int = 0
    zero: bool = False
    """The last complete sweep showed nothing where something was usual."""
    frozen_until: int = 0
    """After too many vanished at once, none is asked for before then."""
    gone: bool = False
    """The API answered null for it."""
    backfilled: bool = False


class EventState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event, under its token."""

    token: str
    event_id: str
    group_id: str
    title: str = ""
    status: str = ""
    """As it was emitted last; empty: never."""
    starts: int | None = None
    ends: int | None = None
    fingerprint: Fingerprint = b""
    before: Fingerprint = b""
    """The fingerprint before this one, and when it was seen last."""
    before_seen: int = 0
    seen: int = 0
    yes: int = 0
    """Of the record that was emitted last."""
    emitted: int = 0
    signal: str = ""
    """Counts and newest answer, as the last sweep showed them."""
    read_signal: str = ""
    """The same, as they were when the answers were last read."""
    watermark: int = 0
    read: int = 0
    read_whole: int = 0
    final: bool = False
    """The answers were read whole after its end: nothing more comes."""
    failures: int = 0
    tried: int = 0
    """When its answers were last read in vain: from then on it is waited, however often sweeps see the event."""
    absent: int = 0
    """Complete sweeps in a row that did not show it (of one that has begun, the first counts alone), and the first."""
    absent_since: int = 0
    over: bool = False
    """Deleted, or finished and read: it is not looked for any more."""


class RsvpState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One RSVP."""

    updated: int = 0
    fingerprint: Fingerprint = b""
    before: Fingerprint = b""
    before_seen: int = 0
    seen: int = 0
    vanished: bool = False

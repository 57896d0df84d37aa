"""Groups, events, RSVPs and profiles as they are known, and the one transaction that moves them on."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from meetupkit.java_json import encode
from meetupkit.stores.sqlite_file import SqliteFile

from meetup_gateway.durations import HOUR_MS
from meetup_gateway.failpoints import Failpoint, hit
from meetup_gateway.observing.changes import Version
from meetup_gateway.observing.states import EventState, GroupState, RsvpState
from meetup_gateway.privacy.people import People, left_meetup
from meetup_gateway.storage.erasure import erase_member
from meetup_gateway.storage.lease import Lease
from meetup_gateway.storage.log import Appender

_ENCODE: Final = msgspec.json.encode
_GROUP: Final = msgspec.json.Decoder(GroupState)
_EVENT: Final = msgspec.json.Decoder(EventState)
_RSVP: Final = msgspec.json.Decoder(RsvpState)
_SEEN_EVERY_MS: Final = HOUR_MS
"""When a member was seen last is told to the hour: it only decides about forgetting after weeks."""


class Commit:
    """What one answer changes, inside one transaction."""

    def __init__(self, connection: sqlite3.Connection, people: People, now: int) -> None:
        self._connection = connection
        self._people = people
        self._now = now
        self._appender = Appender(connection, now)
        self.appended: list[Version] = []

    @property
    def appended_ms(self) -> int:
        """When its rows count as appended."""
        return self._appender.appended

    def version(self, version: Version) -> None:
        """Append a record, as far as privacy allows."""
        told = self._people.told(version)
        if told is not None:
            self._appender.append(told)
            self.appended.append(told)

    def told_version(self, version: Version) -> None:
        """Append a record that was made of one in the log: what privacy asks was done to it then."""
        self._appender.append(version)
        self.appended.append(version)

    def rsvp_vanished(self, number: int, state: RsvpState) -> None:
        """Keep an RSVP's state; whose it is stays as it was."""
        self._connection.execute("UPDATE rsvps SET state = ? WHERE id = ?", (_ENCODE(state), number))

    def group(self, state: GroupState) -> None:
        """Keep a group's state."""
        self._connection.execute(
            "REPLACE INTO groups (id, urlname, state) VALUES (?, ?, ?)", (state.id, state.urlname, _ENCODE(state))
        )

    def event(self, state: EventState, due: int | None) -> None:
        """Keep an event's state; ``due`` is when its answers are to be read."""
        self._connection.execute(
            "REPLACE INTO events (token, event_id, group_id, due, state) VALUES (?, ?, ?, ?, ?)",
            (state.token, state.event_id, state.group_id, due, _ENCODE(state)),
        )

    def rsvp(self, number: int, token: str, state: RsvpState, member: int | None) -> None:
        """Keep an RSVP's state; of an erased member there is none."""
        if member is not None and self._people.erased(member):
            return
        told = None if member is None else self._people.told_id(member)
        self._connection.execute(
            "REPLACE INTO rsvps (id, token, member, state) VALUES (?, ?, ?, ?)", (number, token, told, _ENCODE(state))
        )

    def member(self, number: int, profile: dict[str, Any]) -> None:
        """Keep a profile. Whom Meetup removed is erased here too."""
        if left_meetup(profile):
            erase_member(self._connection, self._people, number)
            return
        kept = self._people.profile(number, profile)
        if kept is None:
            return
        body = encode(kept)
        row = self._connection.execute("SELECT seen, profile FROM members WHERE id = ?", (kept["id"],)).fetchone()
        if row is None or row[1] != body or self._now - row[0] > _SEEN_EVERY_MS:
            self._connection.execute("REPLACE INTO members VALUES (?, ?, ?)", (kept["id"], self._now, body))

    def profile_of_group(self, number: int, profile: dict[str, Any]) -> None:
        """Keep a group's profile."""
        body = encode(self._people.group(profile))
        self._connection.execute("REPLACE INTO profiles VALUES (?, ?, ?)", (number, self._now, body))
        self._connection.execute("DELETE FROM absent_groups WHERE id = ?", (number,))

    def absent_group(self, number: int) -> None:
        """Meetup answered null for the group."""
        self._connection.execute("REPLACE INTO absent_groups VALUES (?, ?)", (number, self._now))

    def changed(self, table: str, number: int, fingerprint: bytes) -> bool:
        """Whether a venue or a photo is new or has changed; it is remembered as it is now."""
        read, write = _FINGERPRINTS[table]
        row = self._connection.execute(read, (number,)).fetchone()
        if row is not None and row[0] == fingerprint:
            return False
        self._connection.execute(write, (number, fingerprint))
        return True

    def last_record(self, feed: str, number: str) -> Mapping[str, Any] | None:
        """The record that was appended last."""
        row = self._connection.execute("SELECT body FROM records WHERE feed = ? AND id = ?", (feed, number)).fetchone()
        return None if row is None else json.loads(row[0])

    def backfill(self, events: Iterable[tuple[str, str]]) -> None:
        """Past events, with their groups, whose answers are to be read."""
        self._connection.executemany("INSERT OR IGNORE INTO backfill VALUES (?, ?)", events)

    def no_backfill(self, group_id: str) -> None:
        """Past events of a group are not to be read any more."""
        self._connection.execute("DELETE FROM backfill WHERE group_id = ?", (group_id,))

    def backfilled(self, event_id: str) -> None:
        """Read, or not there any more."""
        self._connection.execute("DELETE FROM backfill WHERE event_id = ?", (event_id,))


_FINGERPRINTS: Final = {
    "venues": ("SELECT fingerprint FROM venues WHERE id = ?", "REPLACE INTO venues VALUES (?, ?)"),
    "photos": ("SELECT fingerprint FROM photos WHERE id = ?", "REPLACE INTO photos VALUES (?, ?)"),
}


class State:
    """Reads what is known; ``commit`` moves it on."""

    def __init__(self, file: SqliteFile, people: People, lease: Lease) -> None:
        self._file = file
        self._people = people
        self._lease = lease

    @contextmanager
    def commit(self, now: int) -> Iterator[Commit]:
        """One transaction; raises ``Superseded`` if another process polls now."""
        with self._file.writing() as connection:
            self._lease.require(connection)
            commit = Commit(connection, self._people, now)
            yield commit
        hit(Failpoint.VERSIONS_COMMITTED)

    def groups(self) -> list[GroupState]:
        """All of them."""
        return self._read(_GROUP.decode, "SELECT state FROM groups")

    def group(self, group_id: str) -> GroupState | None:
        """One."""
        return next(iter(self._read(_GROUP.decode, "SELECT state FROM groups WHERE id = ?", group_id)), None)

    def follows(self, group_id: str) -> bool:
        """Whether the group is known and on the list."""
        group = self.group(group_id)
        return group is not None and bool(group.targets)

    def events_of(self, group_id: str) -> dict[str, EventState]:
        """Of one group, by token."""
        found = self._read(_EVENT.decode, "SELECT state FROM events WHERE group_id = ?", group_id)
        return {state.token: state for state in found}

    def event(self, token: str) -> EventState | None:
        """One."""
        return next(iter(self._read(_EVENT.decode, "SELECT state FROM events WHERE token = ?", token)), None)

    def events(self, tokens: Iterable[str]) -> dict[str, EventState]:
        """Those of these that are known, whichever group shows them."""
        return {token: state for token in tokens if (state := self.event(token)) is not None}

    def event_by_id(self, event_id: str) -> EventState | None:
        """One, by the id of its page."""
        return next(iter(self._read(_EVENT.decode, "SELECT state FROM events WHERE event_id = ?", event_id)), None)

    def any_upcoming(self, now: int, without: frozenset[str]) -> EventState | None:
        """An event that was seen, is not over and is none of these."""
        with self._file.reading() as connection:
            for (body,) in connection.execute("SELECT state FROM events"):
                state = _EVENT.decode(body)
                if state.starts and state.starts > now and not (state.over or state.absent or state.token in without):
                    return state
        return None

    def events_due(self, now: int, limit: int) -> list[EventState]:
        """Whose answers are to be read by now, the longest due first."""
        return self._read(_EVENT.decode, "SELECT state FROM events WHERE due <= ? ORDER BY due LIMIT ?", now, limit)

    def next_due(self) -> int | None:
        """When the next answers are to be read."""
        with self._file.reading() as connection:
            found = connection.execute("SELECT MIN(due) FROM events WHERE due IS NOT NULL").fetchone()[0]
        return None if found is None else int(found)

    def nearest_starts(self, now: int) -> dict[str, int]:
        """The start of each group's next event."""
        nearest: dict[str, int] = {}
        for state in self._read(_EVENT.decode, "SELECT state FROM events"):
            if state.starts is not None and state.starts > now and not state.over:
                nearest[state.group_id] = min(state.starts, nearest.get(state.group_id, state.starts))
        return nearest

    def rsvps_of(self, token: str) -> dict[int, RsvpState]:
        """Of one event."""
        with self._file.reading() as connection:
            rows = connection.execute("SELECT id, state FROM rsvps WHERE token = ?", (token,)).fetchall()
        return {number: _RSVP.decode(state) for number, state in rows}

    def waiting_backfill(self, limit: int) -> list[tuple[str, str]]:
        """Past events that are still to be read."""
        with self._file.reading() as connection:
            return connection.execute("SELECT event_id, group_id FROM backfill LIMIT ?", (limit,)).fetchall()

    def stale_profiles(self, before: int) -> list[GroupState]:
        """Groups whose profile is older, or not there, the oldest first."""
        text = """SELECT groups.state FROM groups LEFT JOIN profiles ON profiles.id = CAST(groups.id AS INTEGER)
            WHERE COALESCE(profiles.fetched, 0) < ? ORDER BY COALESCE(profiles.fetched, 0)"""
        return self._read(_GROUP.decode, text, before)

    def _read(self, decode: Callable[[bytes], Any], text: str, *values: object) -> list[Any]:
        with self._file.reading() as connection:
            return [decode(row[0]) for row in connection.execute(text, values)]

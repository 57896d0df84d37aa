"""The object of a day: read once, then written by one process at a time, each with a precondition."""

import logging
from collections.abc import Sequence
from typing import Final

from meetupkit.errors import ObjectRefused
from meetupkit.stores.objects import ObjectStore

from meetup_stream.completeness.day import MAX_BYTES, Day, Entry, ledger_prefix
from meetup_stream.writing.damaged import keep_copy

log = logging.getLogger(__name__)

_ABSENT: Final = 0
"""The version of an object that is not there."""


class DayObject:
    """``{label}/_ledger/{date}``, one day at a time."""

    def __init__(self, feed: str, label: str, store: ObjectStore) -> None:
        self._feed = feed
        self._label = label
        self._store = store
        self._version = _ABSENT

    def read(self, day: str) -> list[Entry]:
        """The stored entries; of a damaged object none, and a copy of it is kept. Raises ``ObjectRefused``."""
        name = self._name(day)
        try:
            stored = self._store.read(name, most=MAX_BYTES)
        except ObjectRefused:
            self._version = _ABSENT
            raise
        entries = self._entries(name, stored.body) if stored else []
        self._version = stored.version if stored else _ABSENT
        return entries

    def write(self, day: str, entries: Sequence[Entry], *, saved_at: str) -> None:
        """Raises ``Conflict`` if somebody else has written since it was read."""
        body = Day(saved_at, list(entries)).to_json(self._feed)
        self._version = self._store.replace(self._name(day), body, expected_version=self._version)

    def _entries(self, name: str, body: bytes) -> list[Entry]:
        try:
            return Day.from_json(body).connections
        except ValueError as error:
            log.error(
                "%s is unreadable (%s); begun anew, and kept as %s",
                name,
                error,
                keep_copy(self._store, self._label, name, body),
                extra={"event": "ledger_unreadable"},
            )
            return []

    def _name(self, day: str) -> str:
        return f"{ledger_prefix(self._label)}{day}"

"""What ``open_venues?trickle`` pushes: the whole database of public venues, then it goes on live."""

from collections.abc import Iterable
from typing import Final

from meetupkit.feeds import FEEDS

from meetup_simulator.streams.published import PublishedLines
from meetup_simulator.streams.timeline import at_path

BATCH_RECORDS: Final = 512
"""Documented: the database is pushed in batches of 512."""


class VenueDatabase:
    """Venue lines in the order they came to be.

    With ``keep_versions`` (a replay) it holds every line published so far. Without (the generator) a venue published
    anew takes the place of its older line, as in a real database, so that it does not grow with the feed.

    ``first``, what it holds from the start, is read when the whole is asked for: 2,048 made-up venues take a
    third of a simulator's start, and most readers of it never ask for one.
    """

    def __init__(self, first: Iterable[bytes], published: PublishedLines, *, keep_versions: bool) -> None:
        self._first = first
        self._published = published
        self._keep_versions = keep_versions
        self._rows: dict[object, bytes] = {}

    def put(self, lines: Iterable[bytes]) -> None:
        """Take in what the feed published."""
        self._rows |= self._by_key(lines)

    def rows(self) -> list[bytes]:
        """The database as it stands; what it held from the start counts as published with the first pass."""
        first, self._first = list(self._first), ()
        self._published.write(first)
        self._rows = self._by_key(first) | self._rows
        return list(self._rows.values())

    def _by_key(self, lines: Iterable[bytes]) -> dict[object, bytes]:
        path = FEEDS["open_venues"].id_path
        return {line if self._keep_versions else at_path(line, path): line for line in lines}

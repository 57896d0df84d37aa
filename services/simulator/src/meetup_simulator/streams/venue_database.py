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
    """

    def __init__(self, rows: Iterable[bytes], published: PublishedLines, *, keep_versions: bool) -> None:
        self._first = list(rows)
        self._published = published
        self._keep_versions = keep_versions
        self._rows: dict[object, bytes] = {}
        self.put(self._first)

    def put(self, lines: list[bytes]) -> None:
        """Take in what the feed published."""
        for line in lines:
            key = line if self._keep_versions else at_path(line, FEEDS["open_venues"].id_path)
            self._rows[key] = line

    def rows(self) -> list[bytes]:
        """The database as it stands; what it held from the start counts as published with the first pass."""
        self._published.write(self._first)
        self._first = []
        return list(self._rows.values())

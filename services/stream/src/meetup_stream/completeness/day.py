"""A day's object of the ledger: its entries, one per connection, and the figures made of them. No I/O."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Final

from meetupkit.row_fields import MAX_MTIME
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from meetup_stream.labels import LINES, Verdict

MAX_BYTES: Final = 4 * 1024 * 1024
"""Twelve times what a thousand connections take, the most that a day names."""


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without its offset")
    return text


_Moment = Annotated[str, AfterValidator(_moment)]
_Mtime = Annotated[int, Field(ge=0, le=MAX_MTIME)]
_Count = Annotated[int, Field(ge=0, le=1 << 53)]
"""What a metric, which is a float, can tell exactly."""


@dataclass(slots=True)
class Entry:
    """One connection. Times in ISO 8601 and UTC; mtimes in milliseconds since the epoch, 0 where there is none.

    ``overlap`` says whether its first record was known before; ``None`` while nothing came, and of the first connection
    ever, before which nothing was. ``continued``: it was open when the day began, so nothing lies before it. ``whole``:
    the whole database was asked for, so nothing that it brings can prove anything, and nothing need be proven.
    """

    opened_at: _Moment
    closed_at: _Moment | None = None
    cause: str | None = None
    received: _Count = 0
    stored: _Count = 0
    duplicate: _Count = 0
    rejected: _Count = 0
    mtime_before: _Mtime = 0
    first_mtime: _Mtime = 0
    overlap: bool | None = None
    continued: bool = False
    whole: bool = False
    shared_by: Annotated[int, Field(ge=1, le=1 << 53)] = 1

    @property
    def under_way(self) -> int:
        """Its lines of which nothing has become yet."""
        return self.received - self.stored - self.duplicate - self.rejected

    def go_on(self, *, judged: bool) -> None:
        """A new day begins: it counts from 0, and nothing lies between it and the day before."""
        self.received = self.stored = self.duplicate = self.rejected = self.first_mtime = 0
        self.shared_by, self.continued = 1, True
        self.overlap = True if judged else None


@dataclass(frozen=True, slots=True)
class Figures:
    """A day's. ``last_gap``: the mtimes at the two ends of the last possible gap, in milliseconds."""

    connections: dict[Verdict, int]
    lines: dict[str, int]
    last_gap: tuple[int, int] | None

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Figures":
        """The figures of the entries, which are in the order in which the connections were opened."""
        connections = dict.fromkeys(Verdict, 0)
        lines = dict.fromkeys(LINES, 0)
        for entry in entries:
            connections[verdict_of(entry)] += entry.shared_by
            for name in LINES:
                lines[name] += getattr(entry, name)
        gaps = [(entry.mtime_before, entry.first_mtime) for entry in entries if verdict_of(entry) is Verdict.GAP]
        return cls(connections, lines, gaps[-1] if gaps else None)


def ledger_prefix(label: str) -> str:
    """What the names of the label's days begin with; the date (UTC) follows."""
    return f"{label}/_ledger/"


def verdict_of(entry: Entry) -> Verdict:
    """What its first record proved."""
    if entry.overlap is None:
        return Verdict.UNPROVEN
    return Verdict.OVERLAP if entry.overlap else Verdict.GAP


@dataclass(frozen=True, slots=True)
class Day:
    """The object: connections in the order in which they were opened, and when it was last written, in ISO 8601."""

    saved_at: _Moment
    connections: list[Entry]

    @classmethod
    def from_json(cls, body: bytes) -> "Day":
        """Raises ``ValueError`` if it is none.

        Fields that a later version wrote are passed over: a release that is taken back still reads its day.
        """
        try:
            return _DAY.validate_json(body)
        except ValidationError as error:
            raise ValueError(f"not a ledger, in {error.error_count()} places") from None

    def to_json(self, feed: str) -> bytes:
        """The body; the feed's name is in it for a person."""
        return json.dumps({"feed": feed, **asdict(self)}).encode()


_DAY: Final = TypeAdapter(Day)

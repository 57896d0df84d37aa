"""What every layout does with lines, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from meetupkit.records import Record

from meetup_stream.reading.intake import TimedLine


@dataclass(slots=True)
class Durable:
    """What some stored lines held. ``mtime`` is the greatest, in milliseconds; 0 while nothing is stored."""

    mtime: int = 0
    members: set[int] = field(default_factory=set)
    groups: set[int] = field(default_factory=set)

    def add(self, records: Sequence[Record]) -> None:
        """More records."""
        self.mtime = max([self.mtime, *[record.mtime for record in records]])
        self.members.update(*[record.members for record in records])
        self.groups.update(*[record.groups for record in records])


class Writer(Protocol):
    """A layout. Each method returns what has become durable with it, and waits for a store that is unavailable."""

    new_records: int
    """How many records were new to it so far."""

    def is_stored(self, record: Record) -> bool:
        """Whether it is stored, by whomever, or held."""

    def write(self, lines: Sequence[TimedLine]) -> Durable:
        """Take lines, in the order in which they were read."""

    def idle(self) -> Durable:
        """Called every second or so while nothing comes."""

    def finish(self) -> Durable:
        """Store what is held, at the end or because its durability is waited for."""

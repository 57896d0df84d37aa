"""What the ledger says of a day: is anything missing from it?

A gap is found by the connection after it, which may be one of a later day: so all days from the asked one on are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from meetupkit.errors import ObjectRefused
from meetupkit.stores.objects import ObjectStore
from meetupkit.stores.objects.read_ahead import read_all

from meetup_stream.completeness.day import MAX_BYTES, Day, Entry, Figures, ledger_prefix, verdict_of
from meetup_stream.labels import Verdict

FRESH_SECONDS: Final = 300.0
"""A ledger that was saved within this is one of a process that runs: it saves every minute."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ledger says of a day. ``gaps``: last mtime before and next mtime after, in milliseconds.

    ``unknown_since``: from when on no connection has brought anything yet that could tell. ``first_read``: when the
    feed was first read, if that was in the day or after it; of the time before nothing can be said.
    """

    figures: Figures
    gaps: list[tuple[int, int]]
    unknown_since: datetime | None
    first_read: datetime | None
    damaged: Sequence[date] = field(default_factory=list)
    """Days whose ledger cannot be read: one of them may know of a gap."""

    @property
    def complete(self) -> bool:
        """Whether nothing is missing from what could be had since the feed was first read."""
        read = self.first_read is None or sum(self.figures.connections.values()) > 0
        return read and not self.gaps and not self.damaged and self.unknown_since is None


def answer(day: date, days: Mapping[date, Day], *, now: datetime, damaged: Sequence[date] = ()) -> Answer:
    """What the ledger of that day and of the later ones says of it."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = begin + timedelta(days=1)
    asked = days.get(day, Day(begin.isoformat(), []))
    later = [entry for at, found in days.items() if at > day for entry in found.connections]
    gaps = [
        (entry.mtime_before, entry.first_mtime)
        for entry in [*asked.connections, *later]
        if verdict_of(entry) is Verdict.GAP and _touches(entry, begin, end)
    ]
    known = end if any(map(_tells, later)) else _known_until(asked, begin)
    unknown_since = known if known < min(end, now - timedelta(seconds=FRESH_SECONDS)) else None
    first = next(iter([*asked.connections, *later]), None)
    never_before = first is not None and first.mtime_before == 0 and not first.continued
    first_read = datetime.fromisoformat(first.opened_at) if first and never_before else None
    return Answer(Figures.of(asked.connections), gaps, unknown_since, first_read, damaged)


def _touches(entry: Entry, begin: datetime, end: datetime) -> bool:
    """Whether the gap before it has a part in the day; it lasts until it was opened or its first record was made."""
    after, until = _time(entry.mtime_before), max(_time(entry.first_mtime), datetime.fromisoformat(entry.opened_at))
    return after < end and until >= begin


def _tells(entry: Entry) -> bool:
    """Whether its first record was judged, or need not be: of the first connection ever and of the whole database.

    One that brought lines and was not judged (its process was killed before) leaves open what lies before it.
    """
    unjudgeable = entry.whole or not entry.mtime_before
    return verdict_of(entry) is not Verdict.UNPROVEN or (unjudgeable and entry.received > 0)


def _known_until(day: Day, begin: datetime) -> datetime:
    """The end of the day's last connection that brought anything; while it is open, when the day was last saved."""
    known = begin
    for entry in filter(_tells, day.connections):
        open_still = entry is day.connections[-1] and entry.closed_at is None
        known = datetime.fromisoformat(day.saved_at if open_still else entry.closed_at or entry.opened_at)
    return known


def report(feed: str, day: date, found: Answer) -> Iterator[str]:
    """The answer in words, line by line."""
    yield f"{feed}, {day} (UTC): {'nothing is missing' if found.complete else 'something may be missing'}."
    for after, before in found.gaps:
        yield f"  possible gap: after the record of {_iso(_time(after))}, before that of {_iso(_time(before))}"
    for damaged in found.damaged:
        yield f"  not known: the ledger of {damaged} is damaged; it may know of a gap"
    if found.unknown_since:
        yield f"  not known: nothing came since {_iso(found.unknown_since)}; the next connection will tell"
    if found.first_read:
        yield f"  first read at {_iso(found.first_read)}: of the time before nothing is known"
    connections, lines = found.figures.connections, found.figures.lines
    yield (
        f"  connections: {sum(connections.values())}; {connections[Verdict.OVERLAP]} overlapped with what was stored,"
        f" {connections[Verdict.GAP]} did not, {connections[Verdict.UNPROVEN]} could not tell"
    )
    left = 2 * lines["received"] - sum(lines.values())
    yield (
        f"  lines: {lines['received']:,}; {lines['stored']:,} stored, {lines['duplicate']:,} known before,"
        f" {lines['rejected']:,} rejected (kept under _rejected/), {left:,} under way"
    )


def _time(mtime: int) -> datetime:
    return datetime.fromtimestamp(mtime / 1000, UTC)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def read_days(store: ObjectStore, label: str, since: date) -> tuple[dict[date, Day], list[date]]:
    """The ledger of the label from a day on, and the days of it that are damaged; raises a store's own errors.

    What else lies among the days is passed over.
    """
    prefix = ledger_prefix(label)
    days: dict[date, Day] = {}
    damaged: list[date] = []
    wanted = {name: day for name in store.names(prefix) if (day := _day_of(name.removeprefix(prefix))) and day >= since}
    for name, found in read_all(store, wanted, most=MAX_BYTES):
        if isinstance(found, ObjectRefused):
            damaged.append(wanted[name])
        elif found:
            try:
                days[wanted[name]] = Day.from_json(found.body)
            except ValueError:
                damaged.append(wanted[name])
    return days, damaged


def _day_of(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if text == day.isoformat() else None  # Python reads 2026W471 too

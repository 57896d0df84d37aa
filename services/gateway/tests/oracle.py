"""What the gateway must have said, from the world's own history; written without the code under test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meetup_simulator.graphql_api.living_world import LivingWorld
from meetup_simulator.graphql_api.population import Event, EventState, Rsvp

RESPONSES = {"YES": "yes", "NO": "no"}
STATUSES = {"ACTIVE": "upcoming", "CANCELLED": "canceled"}
ASKED_MS = 660_000
"""What a list leaves out is asked for after two sweeps and ten minutes more."""


@dataclass(frozen=True)
class Lived:
    """One state, from when to when it could be seen."""

    content: tuple[Any, ...]
    since: int
    until: int


def lives_of_event(event: Event, end: int) -> list[Lived]:
    """Its states that could be seen; equal neighbours are one."""
    found: list[Lived] = []
    versions = list(zip(event.versions.times, event.versions.states, strict=True))
    for index, (since, state) in enumerate(versions):
        until = versions[index + 1][0] if index + 1 < len(versions) else end
        if state is None:
            found.append(Lived(("deleted",), since, until))
        elif (content := _content(state)) is not None:
            over = min(until, state.starts or until)
            if found and found[-1].content == content:
                found[-1] = Lived(content, found[-1].since, over)
            else:
                found.append(Lived(content, since, over))
    return found


def _content(state: EventState) -> tuple[Any, ...] | None:
    venue = next((venue.name for venue in state.venues or () if venue.type != "online"), None)
    return (STATUSES[state.status], state.title, state.description, state.starts, venue)


def content_of(record: dict[str, Any]) -> tuple[Any, ...]:
    """The same, of an emitted record."""
    if record["status"] == "deleted":
        return ("deleted",)
    venue = record.get("venue", {}).get("name")
    return (record["status"], record["name"], record["description"], record.get("time"), venue)


def gone_at(event: Event, end: int) -> int:
    """When nobody could see it any more: deleted, or a day after it ended."""
    for at, state in zip(event.versions.times, event.versions.states, strict=True):
        if state is None:
            return at
    return end


def called_off_at(event: Event, end: int) -> int:
    """When it was called off; ``end`` if never."""
    for at, state in zip(event.versions.times, event.versions.states, strict=True):
        if state is not None and state.status == "CANCELLED":
            return at
    return end


def lives_of_rsvp(rsvp: Rsvp, end: int, *, listed_until: int) -> list[Lived]:
    """Its states that could be seen and are told. Beyond ``listed_until`` they wait until its event is asked for."""
    gone = gone_at(rsvp.event, end)
    versions = list(zip(rsvp.versions.times, rsvp.versions.states, strict=True))
    found = []
    for index, (since, state) in enumerate(versions):
        until = versions[index + 1][0] if index + 1 < len(versions) else end
        if state is not None and state.status in RESPONSES:
            found.append(Lived((RESPONSES[state.status], state.guests, state.updated), since, min(until, gone)))
    return [_asked_for(life, listed_until, end) for life in found]


def _asked_for(life: Lived, listed_until: int, end: int) -> Lived:
    if listed_until >= end or life.until <= listed_until:
        return life
    seen_late = max(life.since, listed_until + ASKED_MS)
    # Either half may be the one in which it is seen; the longer one says whether it must have been.
    before = Lived(life.content, life.since, listed_until)
    after = Lived(life.content, seen_late, max(life.until, seen_late))
    return max(before, after, key=lambda half: half.until - half.since)


def told_once(emitted: Sequence[tuple[Any, ...]], lived: Sequence[Lived], least: int, start: int) -> str | None:
    """What is wrong with what was emitted, or ``None``.

    In their order, each emitted state was one that lived, and each that lived for ``least`` since ``start`` is there.
    """
    reachable = {0}
    for life in lived:
        due = life.until - max(life.since, start) >= least
        following = set() if due else set(reachable)
        following |= {count + 1 for count in reachable if count < len(emitted) and emitted[count] == life.content}
        if not following:
            return f"{life.content} lived from {life.since} to {life.until} and is not in {list(emitted)}"
        reachable = following
    return (
        None if len(emitted) in reachable else f"{list(emitted)} is not the history {[life.content for life in lived]}"
    )


def without_repeats(contents: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Versions that differ in the number of answers alone say the same."""
    return [each for index, each in enumerate(contents) if not index or contents[index - 1] != each]


def assert_history(
    world: LivingWorld,
    emitted: dict[str, dict[str, list[dict[str, Any]]]],
    *,
    start: int,
    end: int,
    least: int,
    network: bool = False,
) -> None:
    """Each state that outlived ``least`` is there once, in order, and nothing else is.

    A ``network``'s list does not show what was called off: like a deletion it is believed after two sweeps and ten
    minutes more, and of an event that nobody could have seen before it is not known at all.
    """
    unseen: set[str] = set()
    late = {"deleted", "canceled"} if network else {"deleted"}
    for event in world.events:
        records = emitted["open_events"].get(event.token, [])
        contents = without_repeats([content_of(record) for record in records])
        lived = _asked_for_late(event, lives_of_event(event, end), late)
        if not _could_be_seen(lived, late, start, least) and not contents:
            unseen.add(event.token)
            continue
        problem = told_once(contents, lived, least, start)
        assert problem is None, f"event {event.token}: {problem}"
    for rsvp in world.rsvps:
        records = emitted["rsvps"].get(rsvp.id, [])
        contents = [(record["response"], record["guests"], record["mtime"]) for record in records]
        if rsvp.event.token in unseen and not contents:
            continue
        listed = called_off_at(rsvp.event, end) if network else end
        problem = told_once(contents, lives_of_rsvp(rsvp, end, listed_until=listed), least, start)
        assert problem is None, f"rsvp {rsvp.id}: {problem}"
    invented = emitted["open_events"].keys() - {event.token for event in world.events}
    invented |= emitted["rsvps"].keys() - {rsvp.id for rsvp in world.rsvps}
    assert not invented


def _could_be_seen(lived: list[Lived], late: set[str], start: int, least: int) -> bool:
    """Whether it was listed for so long that it must have been seen."""
    return any(life.content[0] not in late and life.until - max(life.since, start) >= least for life in lived)


def _asked_for_late(event: Event, lived: list[Lived], late: set[str]) -> list[Lived]:
    """What is learnt by asking for it by id: later, and by a list's absence only until the event begins."""
    starts = max((state.starts or 0 for state in event.versions.states if state is not None), default=0)
    return [
        Lived(life.content, life.since + ASKED_MS, min(life.until, starts)) if life.content[0] in late else life
        for life in lived
    ]

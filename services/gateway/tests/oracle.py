"""What the gateway must have said, from the world's own history; written without the code under test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meetup_simulator.graphql_api.living_world import LivingWorld
from meetup_simulator.graphql_api.population import Event, EventState, Rsvp

RESPONSES = {"YES": "yes", "NO": "no"}
STATUSES = {"ACTIVE": "upcoming", "CANCELLED": "canceled"}


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


def lives_of_rsvp(rsvp: Rsvp, end: int) -> list[Lived]:
    """Its states that could be seen and are told."""
    gone = gone_at(rsvp.event, end)
    versions = list(zip(rsvp.versions.times, rsvp.versions.states, strict=True))
    found = []
    for index, (since, state) in enumerate(versions):
        until = versions[index + 1][0] if index + 1 < len(versions) else end
        if state is not None and state.status in RESPONSES:
            found.append(Lived((RESPONSES[state.status], state.guests, state.updated), since, min(until, gone)))
    return found


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
    world: LivingWorld, emitted: dict[str, dict[str, list[dict[str, Any]]]], *, start: int, end: int, least: int
) -> None:
    """Each state that outlived ``least`` is there once, in order, and nothing else is."""
    for event in world.events:
        records = emitted["open_events"].get(event.token, [])
        contents = without_repeats([content_of(record) for record in records])
        # A deletion is believed after two sweeps and ten minutes more.
        lived = [
            Lived(life.content, life.since + (660_000 if life.content == ("deleted",) else 0), life.until)
            for life in lives_of_event(event, end)
        ]
        lived = _unstarted_deletions(event, lived, least)
        problem = told_once(contents, lived, least, start)
        assert problem is None, f"event {event.token}: {problem}"
    for rsvp in world.rsvps:
        records = emitted["rsvps"].get(rsvp.id, [])
        contents = [(record["response"], record["guests"], record["mtime"]) for record in records]
        problem = told_once(contents, lives_of_rsvp(rsvp, end), least, start)
        assert problem is None, f"rsvp {rsvp.id}: {problem}"
    invented = emitted["open_events"].keys() - {event.token for event in world.events}
    invented |= emitted["rsvps"].keys() - {rsvp.id for rsvp in world.rsvps}
    assert not invented


def _unstarted_deletions(event: Event, lived: list[Lived], least: int) -> list[Lived]:
    """An event that nobody could have seen needs no tombstone, and one that begins meanwhile gets none."""
    starts = max((state.starts or 0 for state in event.versions.states if state is not None), default=0)
    return [
        Lived(life.content, life.since, min(life.until, starts)) if life.content == ("deleted",) else life
        for life in lived
    ]

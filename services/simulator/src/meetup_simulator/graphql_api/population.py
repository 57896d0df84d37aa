"""Who and what the simulated world holds: groups, members, venues, events and RSVPs, with every version they had."""

import bisect
import random
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from meetup_simulator.made_up.vocabulary import PLACES, TOPICS, Place

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
State = TypeVar("State")


@dataclass(slots=True)
class Versions(Generic[State]):
    """What one thing was, from when on; ``None`` is "not there any more"."""

    times: list[int] = field(default_factory=list)
    states: list[State | None] = field(default_factory=list)

    def put(self, at: int, state: State | None) -> None:
        """From ``at`` on it is so. Of several in one millisecond the last counts."""
        if self.times and self.times[-1] == at:
            self.states[-1] = state
            return
        self.times.append(at)
        self.states.append(state)

    def at(self, when: int) -> State | None:
        """What it was at that time; ``None`` before its first version."""
        index = bisect.bisect_right(self.times, when)
        return self.states[index - 1] if index else None

    @property
    def last(self) -> State | None:
        """What it is now."""
        return self.states[-1] if self.states else None


@dataclass(frozen=True, slots=True)
class GroupState:
    """What may change about a group."""

    name: str
    private: bool
    status: str


@dataclass(slots=True)
class Group:
    """A group. ``topics`` are rows of the vocabulary."""

    id: str
    urlname: str
    place: Place
    topics: tuple[tuple[int, str, str], ...]
    organizer: "Member"
    founded: int
    versions: Versions[GroupState] = field(default_factory=Versions)


@dataclass(frozen=True, slots=True)
class Member:
    """A person. Some have neither photo nor bio, as at Meetup."""

    id: str
    name: str
    place: Place
    joined: int
    photo: int | None
    bio: str | None
    status: str = "ACTIVE"


@dataclass(frozen=True, slots=True)
class Venue:
    """A place to meet; type ``online`` is the placeholder that Meetup shows for events without one."""

    id: str
    name: str
    address: str
    place: Place
    type: str = ""


ONLINE: Final = Venue("26906060", "Online event", "", PLACES[0], "online")
"""The id is the one that the real API shows."""


@dataclass(frozen=True, slots=True)
class EventState:
    """What may change about an event. ``id`` is what its page shows, and not stable."""

    id: str
    title: str
    description: str
    status: str
    starts: int | None
    duration: int | None
    venues: tuple[Venue, ...] | None
    max_tickets: int
    fee: float | None
    photo: int | None


@dataclass(slots=True, eq=False)
class Event:
    """An event; ``token`` is what the old feeds called its id."""

    token: str
    group: Group
    created: int
    versions: Versions[EventState] = field(default_factory=Versions)


@dataclass(frozen=True, slots=True)
class RsvpState:
    """An answer: ``updated`` moves with every change of it."""

    status: str
    guests: int
    updated: int


@dataclass(slots=True, eq=False)
class Rsvp:
    """One member's answer to one event."""

    id: str
    event: Event
    member: Member
    versions: Versions[RsvpState] = field(default_factory=Versions)


def new_group(dice: random.Random, number: int, organizer: Member, at: int) -> Group:
    """A group that is older than the run."""
    place, topic = dice.choice(PLACES), dice.choice(TOPICS)
    group = Group(
        id=str(18_000_000 + number * 13),
        urlname=f"{topic[1]}-{number}",
        place=place,
        topics=(topic, *dice.sample(TOPICS, dice.randrange(4))),
        organizer=organizer,
        founded=at - dice.randrange(100, 3000) * DAY,
    )
    group.versions.put(0, GroupState(f"{place.city} {topic[2]}", private=dice.random() < 0.05, status="PAID"))
    return group

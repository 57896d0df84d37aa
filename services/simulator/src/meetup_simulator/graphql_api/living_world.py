"""A world that moves: events are made, edited, called off and deleted, members answer, by the clock and a seed.

Every change is drawn from one Poisson process, so what happens does not depend on how often somebody looks.
"""

import random
from dataclasses import dataclass, replace
from typing import Final

from meetup_simulator.graphql_api.population import (
    DAY,
    HOUR,
    ONLINE,
    Event,
    EventState,
    Group,
    GroupState,
    Member,
    Rsvp,
    RsvpState,
    Venue,
    new_group,
)
from meetup_simulator.made_up.vocabulary import ACTIVITIES, FIRST_NAMES, LAST_NAMES, PLACES, VENUES
from meetup_simulator.made_up.world import sentence

_LETTERS: Final = "bcdfghjklmnpqrstvwxyz"
_LEAD_WEIGHTS: Final = ((2 * DAY, 2.9), (7 * DAY, 1.4), (14 * DAY, 0.5), (10_000 * DAY, 0.1))
"""RSVPs a day for an event that starts within so long, from the recordings of 2015 and 2017."""
_KINDS: Final = {
    "rsvp": 60,
    "answer_again": 15,
    "edit": 8,
    "create": 8,
    "cancel": 3,
    "delete": 2,
    "new_id": 2,
    "rename": 2,
}
"""How often each kind of change happens, in a hundred."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is. ``changes_per_hour`` is for the whole world."""

    groups: int = 5
    members: int = 60
    events_per_group: int = 3
    changes_per_hour: float = 6.0


class LivingWorld:
    """Everything there ever was, in versions; ``advance`` lets it live on."""

    def __init__(self, seed: int, epoch: int, size: Size | None = None) -> None:
        self.size = size or Size()
        self._dice = random.Random(f"living:{seed}")
        self.members = [self._member(number, epoch) for number in range(self.size.members)]
        self.groups = [
            new_group(self._dice, number, self._dice.choice(self.members), epoch) for number in range(self.size.groups)
        ]
        self.events: list[Event] = []
        self.rsvps: list[Rsvp] = []
        self.rsvps_of: dict[Event, list[Rsvp]] = {}
        self.venues = [self._venue(number) for number in range(max(3, self.size.groups))]
        for group in self.groups:
            for _ in range(self.size.events_per_group):
                self._create(epoch - self._dice.randrange(1, 30) * DAY, group, epoch)
        self._next = epoch
        self._draw_next()

    def advance(self, until: int) -> None:
        """Let happen what happens until then."""
        while self._next <= until:
            self._happen(self._next)
            self._draw_next()

    def _draw_next(self) -> None:
        if not self.size.changes_per_hour:
            self._next = 1 << 62
            return
        self._next += max(1, int(self._dice.expovariate(self.size.changes_per_hour / HOUR)))

    def _happen(self, at: int) -> None:
        kind = self._dice.choices(list(_KINDS), list(_KINDS.values()))[0]
        if kind == "create":
            self._create(at, self._dice.choice(self.groups), at)
            return
        if kind == "rename":
            self._rename(at)
            return
        event = self._upcoming(at)
        if event is None:
            return
        match kind:
            case "rsvp":
                self._answer(at, event)
            case "answer_again":
                self._answer_again(at, event)
            case _:
                self._change(at, event, kind)

    def _change(self, at: int, event: Event, kind: str) -> None:
        state = event.versions.last
        if state is None:
            return
        match kind:
            case "edit":
                event.versions.put(at, self._edited(at, state))
            case "cancel":
                event.versions.put(at, replace(state, status="CANCELLED"))
            case "delete":
                event.versions.put(at, None)
            case "new_id":
                event.versions.put(at, replace(state, id=self._new_event_id()))

    def _edited(self, at: int, state: EventState) -> EventState:
        match self._dice.randrange(4):
            case 0:
                return replace(state, title=f"{self._dice.choice(ACTIVITIES)} {self._dice.randrange(1000)}")
            case 1 if state.starts is not None:
                return replace(state, starts=max(at + HOUR, state.starts + self._dice.randrange(1, 48) * HOUR))
            case 2:
                return replace(state, venues=(self._dice.choice(self.venues),))
            case _:
                return replace(state, description=sentence(self._dice, self._dice.randrange(3, 30)))

    def _rename(self, at: int) -> None:
        group = self._dice.choice(self.groups)
        state = group.versions.last
        if state is not None:
            group.versions.put(at, replace(state, name=f"{state.name.split(' #')[0]} #{self._dice.randrange(1000)}"))

    def _upcoming(self, at: int) -> Event | None:
        events, weights = [], []
        for event in self.events:
            state = event.versions.last
            if state is not None and state.status == "ACTIVE" and state.starts is not None and state.starts > at:
                events.append(event)
                weights.append(next(weight for lead, weight in _LEAD_WEIGHTS if state.starts - at <= lead))
        return self._dice.choices(events, weights)[0] if events else None

    def _create(self, created: int, group: Group, now: int) -> Event:
        dice = self._dice
        number = self._new_event_id()
        token = number if dice.random() < 0.65 else "".join(dice.choices(_LETTERS, k=13))
        event = Event(token, group, created)
        online = dice.random() < 0.2
        event.versions.put(
            created,
            EventState(
                id=number,
                title=dice.choice(ACTIVITIES),
                description=sentence(dice, dice.randrange(3, 40)),
                status="ACTIVE",
                starts=now + HOUR + int(dice.expovariate(1 / (7 * DAY))) // HOUR * HOUR,
                duration=dice.choice((None, 2 * HOUR, 90 * 60_000)),
                venues=(ONLINE,) if online else (dice.choice(self.venues),) if dice.random() < 0.9 else None,
                max_tickets=dice.choice((0, 0, 20)),
                fee=dice.choice((None, None, None, 5.0, 12.5)),
                photo=dice.randrange(5_000_000, 480_000_000) if dice.random() < 0.7 else None,
            ),
        )
        self.events.append(event)
        self.rsvps_of[event] = []
        return event

    def _answer(self, at: int, event: Event) -> None:
        known = {rsvp.member.id for rsvp in self.rsvps_of[event]}
        free = [member for member in self.members if member.id not in known]
        if not free:
            return
        rsvp = Rsvp(str(1_900_000_000 + len(self.rsvps)), event, self._dice.choice(free))
        status = self._dice.choices(("YES", "NO", "WAITLIST"), (80, 17, 3))[0]
        rsvp.versions.put(at, RsvpState(status, int(self._dice.random() < 0.06), at))
        self.rsvps.append(rsvp)
        self.rsvps_of[event].append(rsvp)

    def _answer_again(self, at: int, event: Event) -> None:
        if not self.rsvps_of[event]:
            return
        rsvp = self._dice.choice(self.rsvps_of[event])
        state = rsvp.versions.last
        if state is None:
            return
        if self._dice.random() < 0.7:
            status = "NO" if state.status == "YES" else "YES"
            rsvp.versions.put(at, RsvpState(status, 0, at))
        else:
            rsvp.versions.put(at, RsvpState(state.status, state.guests + 1, at))

    def _new_event_id(self) -> str:
        return str(300_000_000 + self._dice.randrange(600_000_000))

    def _member(self, number: int, epoch: int) -> Member:
        dice = self._dice
        return Member(
            id=str(100_000_007 + number * 17),
            name=f"{dice.choice(FIRST_NAMES)} {dice.choice(LAST_NAMES)}".strip(),
            place=dice.choice(PLACES),
            joined=epoch - dice.randrange(30, 4000) * DAY,
            photo=dice.randrange(5_000_000, 480_000_000) if dice.random() < 0.8 else None,
            bio=sentence(dice, 6) if dice.random() < 0.3 else None,
        )

    def _venue(self, number: int) -> Venue:
        dice = self._dice
        return Venue(
            str(27_000_000 + number * 11),
            dice.choice(VENUES),
            f"{dice.randrange(1, 999)} Main St",
            PLACES[number % len(PLACES)],
        )

    def rename_state(self, group: Group, name: str, at: int) -> None:
        """Give a group another name, as an organiser would."""
        state = group.versions.last
        group.versions.put(at, replace(state, name=name) if state else GroupState(name, private=False, status="PAID"))

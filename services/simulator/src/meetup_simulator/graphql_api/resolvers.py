"""The world as the schema shows it, at one moment: plain dicts, and functions where a field has arguments."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from meetup_simulator.graphql_api.connections import Node, page
from meetup_simulator.graphql_api.dials import Dials
from meetup_simulator.graphql_api.living_world import LivingWorld
from meetup_simulator.graphql_api.population import Event, EventState, Group, Member, Rsvp, RsvpState, Venue
from meetup_simulator.made_up.vocabulary import Place
from meetup_simulator.made_up.world import photo_link

_POSITIVE: Final = ("YES", "ATTENDED")
"""What ``rsvps`` shows without a filter."""
_NETWORK: Final = "simulated-network"


class ArgumentError(ValueError):
    """An argument that the API refuses."""


class View:
    """The world at ``now``; with stale replicas, some of its answers are of ``dials.stale_seconds`` before."""

    def __init__(self, world: LivingWorld, dials: Dials, now: int, dice: random.Random) -> None:
        self._world = world
        self._dials = dials
        self._dice = dice
        self.now = now
        stale = dials.stale_seconds and dice.random() < dials.stale_share
        self.at = now - int(dials.stale_seconds * 1000) if stale else now

    def root(self) -> Node:
        """The fields of ``Query`` that are played."""
        return {
            "group": lambda info, id: self._group_by(lambda group: group.id == id),
            "groupByUrlname": lambda info, urlname: self._group_by(lambda group: group.urlname == urlname),
            "event": lambda info, id: self._event_by_id(id),
            "proNetwork": self._network,
            "groupSearch": self._search,
            "self": lambda info: self.member(self._world.members[0]),
        }

    def member(self, member: Member) -> Node:
        """A ``Member``."""
        return {
            "id": member.id,
            "name": member.name,
            "bio": member.bio,
            "memberPhoto": _photo("member", member.photo),
            "memberUrl": f"https://www.meetup.com/members/{member.id}",
            "preferredLocale": "en-US",
            "startDate": _iso(member.joined, 0),
            "status": member.status,
            "email": f"{member.id}@example.com",
            "organizedGroupCount": 0,
            **_place(member.place),
        }

    def group(self, group: Group) -> Node | None:
        """A ``Group``; null while the dial says that groups vanish."""
        state = group.versions.at(self.at)
        if state is None or self._dice.random() < self._dials.null_groups:
            return None
        return {
            "id": group.id,
            "name": state.name,
            "urlname": group.urlname,
            "isPrivate": state.private,
            "status": state.status,
            "description": "A group of the *simulator*",
            "link": f"https://www.meetup.com/{group.urlname}",
            "timezone": group.place.timezone,
            "foundedDate": _iso(group.founded, 0),
            "joinMode": "OPEN",
            "customMemberLabel": "Members",
            "stats": {"memberCounts": {"all": 100}, "eventRatings": {"average": 4.5}},
            "organizer": self.member(group.organizer),
            "activeTopics": [{"id": str(row[0]), "urlkey": row[1], "name": row[2]} for row in group.topics],
            "topicCategory": {"id": "546", "urlkey": "technology", "name": "Technology"},
            "keyGroupPhoto": _photo("event", 400_000_000 + int(group.id) % 1000),
            "events": self._events_of(group),
            "venues": lambda info, first=None, after=None: self._page(
                [_venue(venue) for venue in self._world.venues[:3]], first, after
            ),
            **_place(group.place),
        }

    def event(self, event: Event, state: EventState) -> Node:
        """An ``Event``."""
        offset = event.group.place.offset
        rsvps = [(rsvp, answer) for rsvp in self._world.rsvps_of[event] if (answer := rsvp.versions.at(self.at))]
        status = "SOMETHING_NEW" if self._dials.unknown_status and self._dice.random() < 0.2 else self._status(state)
        return {
            "id": state.id,
            "token": event.token,
            "title": state.title,
            "description": state.description,
            "status": status,
            "dateTime": _iso(state.starts, offset),
            "endTime": _iso(state.starts + (state.duration or 7_200_000), offset) if state.starts else None,
            "createdTime": _iso(event.created, 0),
            "duration": _duration(state.duration),
            "eventUrl": f"https://www.meetup.com/{event.group.urlname}/events/{state.id}/",
            "eventType": "PHYSICAL",
            "maxTickets": state.max_tickets,
            "venues": None if state.venues is None else [_venue(venue) for venue in state.venues],
            "featuredEventPhoto": _photo("event", state.photo),
            "photoAlbum": None,
            "feeSettings": None
            if state.fee is None
            else {"required": True, "amount": state.fee, "currency": "USD", "accepts": "CASH"},
            "group": lambda info: self.group(event.group),
            "rsvps": lambda info, **arguments: self._rsvps(rsvps, **arguments),
        }

    def _status(self, state: EventState) -> str:
        over = state.starts is not None and state.starts + (state.duration or 7_200_000) <= self.at
        return "PAST" if over and state.status == "ACTIVE" else state.status

    def _events_of(self, group: Group) -> Callable[..., Node]:
        def events(
            info: Any,
            filter: Node | None = None,
            first: int | None = None,
            after: str | None = None,
            sort: str = "ASC",
            status: str | None = None,
        ) -> Node:
            wanted = filter or {}
            statuses = wanted.get("status") or ([status] if status else ["ACTIVE"])
            nodes = [] if self._dice.random() < self._dials.empty_events else self._events(group, statuses, wanted)
            nodes.sort(key=lambda node: (node["dateTime"] or "", node["id"]), reverse=sort == "DESC")
            return self._page(nodes, first, after, lambda _, node: f"{node['id']}:{node['dateTime']}")

        return events

    def _events(self, group: Group | None, statuses: list[str], wanted: Node) -> list[Node]:
        begin, end = _ms(wanted.get("afterDateTime")), _ms(wanted.get("beforeDateTime"))
        found = []
        for event in self._world.events:
            state = event.versions.at(self.at)
            if state is None or (group is not None and event.group is not group) or state.starts is None:
                continue
            if (begin is not None and state.starts < begin) or (end is not None and state.starts > end):
                continue
            node = self.event(event, state)
            if node["status"] in (*statuses, "SOMETHING_NEW") and self._dice.random() >= self._dials.drop_events:
                found.append(node)
        return found

    def _rsvps(
        self,
        rsvps: list[tuple[Rsvp, RsvpState]],
        filter: Node | None = None,
        first: int | None = None,
        after: str | None = None,
        sort: Node | None = None,
    ) -> Node:
        statuses = (filter or {}).get("rsvpStatus") or _POSITIVE
        shown = [pair for pair in rsvps if pair[1].status in statuses]
        by_time = (sort or {}).get("sortField") == "DATETIME"
        newest_first = (sort or {}).get("sortOrder") == "DESC"
        shown.sort(key=lambda pair: pair[1].updated if by_time else int(pair[0].id), reverse=newest_first)
        counts = {"yesCount": "YES", "noCount": "NO", "waitlistCount": "WAITLIST"}
        return {
            **self._page([self._rsvp(*pair) for pair in shown], first, after, lambda index, _: str(index)),
            **{name: sum(answer.status == status for _, answer in rsvps) for name, status in counts.items()},
        }

    def _rsvp(self, rsvp: Rsvp, answer: RsvpState) -> Node:
        return {
            "id": rsvp.id,
            "status": answer.status,
            "guestsCount": answer.guests,
            "updated": _iso(answer.updated, 0),
            "isHost": False,
            "isFirstEvent": False,
            "member": self.member(rsvp.member),
            "venue": None,
            "event": lambda info: self._event_of(rsvp.event),
        }

    def _event_of(self, event: Event) -> Node | None:
        state = event.versions.at(self.at)
        return None if state is None else self.event(event, state)

    def _group_by(self, wanted: Callable[[Group], bool]) -> Node | None:
        return next((self.group(group) for group in self._world.groups if wanted(group)), None)

    def _event_by_id(self, event_id: str) -> Node | None:
        if self._dials.null_events:
            return None
        for event in self._world.events:
            state = event.versions.at(self.at)
            if state is not None and event_id in (state.id, event.token):
                return self.event(event, state)
        return None

    def _network(self, info: Any, urlname: str | None = None, id: str | None = None) -> Node | None:
        if urlname != _NETWORK:
            return None
        return {
            "id": "5",
            "name": "A network of the simulator",
            "urlname": urlname,
            "eventsSearch": lambda info, input: self._network_events(input),
            "groupsSearch": lambda info, input: self._network_groups(input),
        }

    def _network_events(self, asked: Node) -> Node:
        wanted = asked.get("filter") or {}
        asked_for = ["UPCOMING"] if self._dials.upcoming_only else wanted.get("status") or ["UPCOMING"]
        statuses = ["ACTIVE" if status == "UPCOMING" else status for status in asked_for]
        window = {"afterDateTime": wanted.get("eventDateMin"), "beforeDateTime": wanted.get("eventDateMax")}
        nodes = self._events(None, statuses, window)
        nodes.sort(key=lambda node: (node["dateTime"] or "", node["id"]))
        return self._page(nodes, asked.get("first"), asked.get("after"), lambda _, node: f"{node['id']}:network")

    def _network_groups(self, asked: Node) -> Node:
        nodes = [node for group in self._world.groups if (node := self.group(group))]
        return self._page(nodes, asked.get("first"), asked.get("after"))

    def _search(
        self,
        info: Any,
        filter: Node,
        first: int | None = None,
        after: str | None = None,
    ) -> Node:
        words = filter["query"].lower()
        nodes = [node for group in self._world.groups if words in group.urlname and (node := self.group(group))]
        return self._page(nodes, first, after)

    def _page(
        self,
        nodes: list[Node],
        first: int | None,
        after: str | None,
        cursor_of: Callable[[int, Node], str] = lambda index, _: str(index),
    ) -> Node:
        return page(nodes, dials=self._dials, dice=self._dice, cursor_of=cursor_of, first=first, after=after)


def _place(place: Place) -> Node:
    return {
        "city": place.city,
        "country": place.country,
        "state": place.state or "",
        "lat": float(place.lat),
        "lon": float(place.lon),
    }


def _venue(venue: Venue) -> Node:
    return {
        "id": venue.id,
        "name": venue.name,
        "address": venue.address,
        "postalCode": venue.place.zip,
        "venueType": venue.type,
        **_place(venue.place),
    }


def _photo(kind: str, number: int | None) -> Node | None:
    if number is None:
        return None
    return {
        "id": str(number),
        "baseUrl": "https://secure.meetupstatic.com",
        "highResUrl": photo_link(kind, "highres", number),
        "standardUrl": photo_link(kind, "600", number),
        "thumbUrl": photo_link(kind, "thumb", number),
    }


def _iso(when: int | None, offset: int) -> str | None:
    """With the offset of the group's zone; without seconds where they are zero, as some were recorded."""
    if when is None:
        return None
    zone = timezone(timedelta(milliseconds=offset)) if offset else UTC
    moment = datetime.fromtimestamp(when / 1000, zone)
    if not when % 60_000:
        text = moment.isoformat(timespec="minutes")
    else:
        text = moment.isoformat(timespec="milliseconds" if when % 1000 else "seconds")
    return text.replace("+00:00", "Z")


def _duration(ms: int | None) -> str | None:
    if ms is None:
        return None
    hours, minutes = divmod(ms // 60_000, 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")


def _ms(text: str | None) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentError("not a DateTime") from None
    if moment.tzinfo is None:
        raise ArgumentError("a DateTime needs its zone")
    return int(moment.timestamp() * 1000)

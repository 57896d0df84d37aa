"""What predictions are made of, read from the warehouse: never a sensitive topic, never a group that tells of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import ibis
from ibis.expr.types import Table as Expression

from meetup_insight.marts.catalogue import MARTS
from meetup_insight.marts.mart import LEAST_MEMBERS
from meetup_insight.models.fullness import LEADS, Occasion
from meetup_insight.models.interactions import Interaction
from meetup_insight.moments import milliseconds
from meetup_insight.predicting.sensitive import is_sensitive, sensitive_groups
from meetup_insight.schema import STAGING, Table
from meetup_insight.schema.tables import GROUP_TOPICS, GROUPS, MEMBER_TOPICS, MEMBERS, TOPICS
from meetup_insight.warehouse.protocol import Warehouse, relation, rows

_LEAST_PROFILES: Final = 200
"""Members with topics of their own; with fewer, topics of the groups they said yes to stand in."""
_MOST_MEMBERS: Final = 200_000
"""The latest active ones: what a machine with 1 GB fits a model to."""
_NOT_HELD: Final = ("canceled", "deleted", "draft")
_HOUR_MS: Final = 3_600_000
_NAMED: Final = {table.name: table for table in (*STAGING, *(mart.table for mart in MARTS))}


@dataclass(frozen=True, slots=True)
class Denied:
    """What is never shown."""

    topics: frozenset[str]
    groups: frozenset[int]


@dataclass(frozen=True, slots=True)
class Events:
    """Past and coming events. ``shown``: group, time and limit of the coming ones that may be published."""

    past: list[Occasion]
    coming: list[Occasion]
    shown: dict[str, tuple[int, int, int | None]]

    @property
    def groups(self) -> frozenset[int]:
        """Of the past events."""
        return frozenset(each.group for each in self.past)


def denied(warehouse: Warehouse) -> Denied:
    """By the deny list, over everything the warehouse knows."""
    topics = frozenset(topic for topic, name in _all(warehouse, TOPICS, "topic", "name") if is_sensitive(topic, name))
    groups = sensitive_groups(
        _all(warehouse, GROUPS, "group_id", "category", "name"),
        _all(warehouse, GROUP_TOPICS, "group_id", "topic"),
        topics,
    )
    return Denied(topics, groups)


def topic_source(warehouse: Warehouse) -> str:
    """profile where enough members name topics themselves, else rsvp."""
    named = relation(MEMBER_TOPICS)
    ((count,),) = rows(warehouse, named.filter(named.source == "profile").agg(members=named.member.nunique()))
    return "profile" if count >= _LEAST_PROFILES else "rsvp"


def newest(warehouse: Warehouse) -> datetime | None:
    """The mtime of the newest RSVP."""
    rsvps = relation(_NAMED["rsvps"])
    ((found,),) = rows(warehouse, rsvps.agg(newest=rsvps.mtime.max()))
    return found.replace(tzinfo=UTC) if isinstance(found, datetime) else None


def member_topics(warehouse: Warehouse, source: str, without: Denied) -> Iterator[Interaction]:
    """Members and topics, without time."""
    named = relation(MEMBER_TOPICS)
    latest = named.filter(named.source == source).semi_join(_latest_members(), "member").select("member", "topic")
    return (Interaction(member, topic) for member, topic in rows(warehouse, latest) if topic not in without.topics)


def member_groups(warehouse: Warehouse, without: Denied) -> Iterator[Interaction]:
    """Members and groups, with the first and the last yes."""
    latest = relation(_NAMED["member_groups"]).semi_join(_latest_members(), "member")
    for member, group, first, last in rows(warehouse, latest.select("member", "group_id", "first_yes", "last_yes")):
        if group not in without.groups:
            yield Interaction(member, str(group), milliseconds(first))
            yield Interaction(member, str(group), milliseconds(last))


def group_topics(warehouse: Warehouse, without: Denied, most: int) -> dict[int, list[str]]:
    """Topics of the groups with the most members in the records."""
    sizes = relation(_NAMED["member_groups"]).group_by("group_id").agg(members=lambda t: t.count())
    largest = sizes.order_by([sizes.members.desc(), sizes.group_id]).limit(most)
    topics = relation(GROUP_TOPICS).semi_join(largest, "group_id").select("group_id", "topic")
    found: dict[int, list[str]] = {}
    for group, topic in sorted(rows(warehouse, topics)):
        if group not in without.groups:
            found.setdefault(group, []).append(topic)
    return found


def homes(warehouse: Warehouse) -> dict[str, str]:
    """Where members live: their profile's country, else that of the groups they answer."""
    pairs, groups, members = relation(_NAMED["member_groups"]), relation(GROUPS), relation(MEMBERS)
    answered = pairs.join(groups, "group_id").group_by("member").agg(theirs=lambda t: t.country.min())
    both = members.left_join(answered, "member")
    found = both.select("member", country=ibis.coalesce(both.country, both.theirs))
    return dict(rows(warehouse, found.filter(found.country.notnull())))


def common_members(warehouse: Warehouse) -> list[tuple[int, int, int, float]]:
    """Pairs of groups, their members in common, and how alike that makes them."""
    return sorted(_all(warehouse, _NAMED["common_members"], "group_id", "other_id", "common", "likeness"))


def weeks(warehouse: Warehouse) -> dict[date, int]:
    """RSVPs by the Monday of their week."""
    return dict(_all(warehouse, _NAMED["rsvps_by_week"], "week", "rsvps"))


def events(warehouse: Warehouse, without: Denied, until: datetime) -> Events:
    """Events that take place, by how they filled; a figure is published where ten members say yes."""
    found = Events([], [], {})
    for event, group, at, limit, members, status, yes, final, *known in _event_rows(warehouse):
        if group in without.groups or status in _NOT_HELD:
            continue
        hour, limited = milliseconds(at) / _HOUR_MS, limit if limit and limit > 0 else None
        if at.replace(tzinfo=UTC) <= until:
            counts = dict(zip(LEADS, map(float, known), strict=True))
            found.past.append(Occasion(event, group, hour, limited, counts, float(final)))
            continue
        found.coming.append(Occasion(event, group, hour, limited, dict.fromkeys(LEADS, float(yes)), 0.0))
        if members >= LEAST_MEMBERS:
            found.shown[event] = (group, int(milliseconds(at)), limited)
    return found


def _event_rows(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    names = ("event_id", "group_id", "event_time", "rsvp_limit", "members", "status", "yes_now", "yes_start")
    found = _all(warehouse, _NAMED["event_yes"], *names, *(f"yes_{lead}" for lead in LEADS))
    return sorted(found, key=lambda row: str(row[0]))


def _latest_members() -> Expression:
    members = relation(MEMBERS)
    order = [ibis.desc(members.last_seen, nulls_first=False), members.member]
    return members.order_by(order).limit(_MOST_MEMBERS).select("member")


def _all(warehouse: Warehouse, table: Table, *columns: str) -> list[tuple[Any, ...]]:
    return rows(warehouse, relation(table).select(*columns))


def moment(at: datetime | None) -> int | None:
    """Whole milliseconds since the epoch; nothing for none."""
    return int(milliseconds(at)) if at else None

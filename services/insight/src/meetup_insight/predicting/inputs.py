"""What predictions are made of, read from the warehouse: never a sensitive topic, never a group that tells of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from meetup_insight.models.interactions import Interaction
from meetup_insight.predicting.sensitive import is_sensitive, sensitive_groups
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse

_LEAST_PROFILES: Final = 200
"""Members with topics of their own; with fewer, topics of the groups they said yes to stand in."""
_MOST_MEMBERS: Final = 200_000
"""The latest active ones: what a machine with 1 GB fits a model to."""


@dataclass(frozen=True, slots=True)
class Denied:
    """What is never shown."""

    topics: frozenset[str]
    groups: frozenset[int]


def denied(warehouse: DuckDbWarehouse) -> Denied:
    """By the deny list, over everything the warehouse knows."""
    topics = frozenset(
        topic for topic, name in warehouse.rows("SELECT topic, name FROM topics") if is_sensitive(topic, name)
    )
    groups = sensitive_groups(
        warehouse.rows("SELECT group_id, category, name FROM groups"),
        warehouse.rows("SELECT group_id, topic FROM group_topics"),
        topics,
    )
    return Denied(topics, groups)


def topic_source(warehouse: DuckDbWarehouse) -> str:
    """profile where enough members name topics themselves, else rsvp."""
    ((count,),) = warehouse.rows("SELECT count(DISTINCT member) FROM member_topics WHERE source = 'profile'")
    return "profile" if count >= _LEAST_PROFILES else "rsvp"


def member_topics(warehouse: DuckDbWarehouse, source: str, without: Denied) -> Iterator[Interaction]:
    """Members and topics, without time."""
    rows = warehouse.rows(
        "SELECT member, topic FROM member_topics SEMI JOIN (SELECT member FROM members"
        " ORDER BY last_seen DESC NULLS LAST, member LIMIT ?) USING (member) WHERE source = ?",
        [_MOST_MEMBERS, source],
    )
    return (Interaction(member, topic) for member, topic in rows if topic not in without.topics)


def member_groups(warehouse: DuckDbWarehouse, without: Denied) -> Iterator[Interaction]:
    """Members and groups, with the first and the last yes."""
    rows = warehouse.rows(
        "SELECT member, group_id, epoch_ms(first_yes), epoch_ms(last_yes) FROM member_groups"
        " SEMI JOIN (SELECT member FROM members ORDER BY last_seen DESC NULLS LAST, member LIMIT ?) USING (member)",
        [_MOST_MEMBERS],
    )
    for member, group, first, last in rows:
        if group not in without.groups:
            yield Interaction(member, str(group), float(first))
            yield Interaction(member, str(group), float(last))


def group_topics(warehouse: DuckDbWarehouse, without: Denied, most: int) -> dict[int, list[str]]:
    """Topics of the groups with the most members in the records."""
    rows: list[tuple[Any, ...]] = warehouse.rows(
        "SELECT group_id, topic FROM group_topics SEMI JOIN (SELECT group_id FROM member_groups GROUP BY group_id"
        " ORDER BY count(*) DESC, group_id LIMIT ?) USING (group_id) ORDER BY ALL",
        [most],
    )
    found: dict[int, list[str]] = {}
    for group, topic in rows:
        if group not in without.groups:
            found.setdefault(group, []).append(topic)
    return found

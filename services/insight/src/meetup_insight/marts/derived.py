"""Groups, members and topics, put together from records and profiles."""

from typing import Any

import ibis
from ibis.expr.types import Table as Expression

from meetup_insight.marts.mart import Mart, Tables
from meetup_insight.schema.tables import GROUP_TOPICS, GROUPS, MEMBER_TOPICS, MEMBERS, TOPICS

_FACTS = ("name", "urlname", "city", "state", "country", "latitude", "longitude")


def newest_seen(tables: Tables) -> Expression:
    """Each group's newest description, its category and way to join from the newest that names them."""
    seen = tables["groups_seen"]
    newest = _first(seen, [seen[name] for name in _FACTS])
    named = seen.filter(seen.category.notnull() | seen.join_mode.notnull())
    kinds = _first(named, [named.category, named.join_mode]).select("group_id", "category", "join_mode")
    return newest.select("group_id", "last_seen", *_FACTS).left_join(kinds, "group_id").drop("group_id_right")


def groups(tables: Tables) -> Expression:
    """The profile where there is one, else the newest description."""
    seen, profiles = newest_seen(tables), tables["group_profiles"]
    zones = tables["group_zones"].rename(zone="timezone", zone_group="group_id")
    both = seen.outer_join(profiles, "group_id")

    def either(name: str) -> Any:
        return ibis.coalesce(both[f"{name}_right"], both[name])

    found = both.select(
        group_id=ibis.coalesce(both.group_id_right, both.group_id),
        **{
            name: either(name)
            for name in ("name", "urlname", "city", "state", "latitude", "longitude", "join_mode", "category")
        },
        country=either("country").lower(),
        members=both.members,
        has_profile=both.group_id_right.notnull(),
    )
    joined = found.view().left_join(zones, [("group_id", "zone_group")])
    return joined.mutate(timezone=joined.zone)


def members(tables: Tables) -> Expression:
    """Everyone who answered or has a profile."""
    rsvps, profiles = tables["rsvps"], tables["member_profiles"]
    acts = rsvps.filter(rsvps.member.notnull()).group_by("member").agg(
        rsvps=lambda t: t.count(), first_seen=lambda t: t.mtime.min(), last_seen=lambda t: t.mtime.max()
    )  # fmt: skip
    both = acts.outer_join(profiles, "member")
    return both.select(
        member=ibis.coalesce(both.member, both.member_right),
        country=both.country.lower(),
        joined=both.joined,
        rsvps=ibis.coalesce(both.rsvps, 0),
        first_seen=both.first_seen,
        last_seen=both.last_seen,
        has_profile=both.member_right.notnull(),
    )


def group_topics(tables: Tables) -> Expression:
    """The profile's topics, else those of the group's newest record that names any."""
    seen, profiles = tables["group_topics_seen"], tables["group_profile_topics"]
    latest = seen.group_by("group_id").agg(latest=lambda t: t.last_seen.max())
    current = seen.join(latest, "group_id").filter(lambda t: t.last_seen == t.latest).select("group_id", "topic")
    ours = profiles.select("group_id", "topic").distinct()
    without = current.anti_join(ours.select("group_id").distinct(), "group_id")
    return ours.union(without).distinct()


def topics(tables: Tables) -> Expression:
    """Every topic that a group or a member names."""
    names = (
        tables["group_topics_seen"]
        .select("topic", "name")
        .union(tables["group_profile_topics"].select("topic", "name"))
        .union(tables["member_profile_topics"].select("topic", "name"))
    )
    named = names.group_by("topic").agg(name=lambda t: t.name.max())
    counted = tables["group_topics"].group_by("topic").agg(groups=lambda t: t.count())
    joined = named.left_join(counted, "topic")
    return joined.select(
        topic=joined.topic, name=ibis.coalesce(joined.name, joined.topic), groups=ibis.coalesce(joined.groups, 0)
    )


def member_topics(tables: Tables) -> Expression:
    """Topics of the profile; and of groups whose events the member said yes to."""
    profile = (
        tables["member_profile_topics"].select("member", "topic").distinct().mutate(source=ibis.literal("profile"))
    )
    rsvps = tables["rsvps"]
    attended = rsvps.filter((rsvps.response == "yes") & rsvps.member.notnull() & rsvps.group_id.notnull())
    pairs = attended.select("member", "group_id").distinct()
    said = pairs.join(tables["group_topics"], "group_id").select("member", "topic").distinct()
    return profile.union(said.mutate(source=ibis.literal("rsvp")))


def _first(seen: Expression, ties: list[Any]) -> Expression:
    """The newest row of each group; ties are broken by what the rows say, so that every engine breaks them alike."""
    order = [seen.last_seen.desc(), seen.first_seen.desc(), *[ibis.asc(tie, nulls_first=False) for tie in ties]]
    ranked = seen.mutate(place=ibis.row_number().over(group_by=seen.group_id, order_by=order))
    return ranked.filter(ranked.place == 0).drop("place")


DERIVED = (
    Mart(GROUPS, groups),
    Mart(GROUP_TOPICS, group_topics),
    Mart(TOPICS, topics),
    Mart(MEMBERS, members),
    Mart(MEMBER_TOPICS, member_topics),
)

"""Where events are: rounded places, online apart."""

import ibis
from ibis.expr.types import Table as Expression

from meetup_insight.marts.mart import Mart, Tables, binned, enough, is_place
from meetup_insight.schema import Column, Kind, Seen, Table

ONLINE_VENUE = 26906060
"""The placeholder that stands for "online" since 2020."""
_ONLINE_PLACE = (-8.521147, 179.1962)
"""Where the placeholder lies: in the Pacific, beside Tuvalu."""
_PILE = 25
"""Venues that share one exact point: a default place (a zip code's middle), not where anybody meets."""


def venue_places(tables: Tables) -> Expression:
    """The newest place of each venue: the venue's own record, else an RSVP's."""
    seen, venues = tables["venues_seen"], tables["venues"]
    order = [
        seen.last_seen.desc(),
        ibis.asc(seen.latitude, nulls_first=False),
        ibis.asc(seen.longitude, nulls_first=False),
    ]
    ranked = seen.mutate(rank=ibis.row_number().over(group_by=seen.venue_id, order_by=order))
    newest = ranked.filter(ranked["rank"] == 0).select("venue_id", "latitude", "longitude")
    both = newest.outer_join(venues.select("venue_id", "latitude", "longitude"), "venue_id")
    return both.select(
        venue_id=ibis.coalesce(both.venue_id, both.venue_id_right),
        latitude=ibis.coalesce(both.latitude_right, both.latitude),
        longitude=ibis.coalesce(both.longitude_right, both.longitude),
    ).view()


def located(tables: Tables) -> Expression:
    """RSVPs of known members with the kind of their place and, where there is one, its coordinates."""
    places = venue_places(tables)
    piles = places.filter(is_place(places.latitude, places.longitude)).group_by(["latitude", "longitude"]).agg(
        venues=lambda t: t.count()
    )  # fmt: skip
    default = piles.filter(piles.venues >= _PILE)
    flagged = (
        places.left_join(default, ["latitude", "longitude"])
        .select("venue_id", "latitude", "longitude", "venues")
        .view()
    )
    rsvps = tables["rsvps"]
    joined = rsvps.filter(rsvps.member.notnull()).left_join(flagged, "venue_id").drop("venue_id_right").view()
    online = (joined.venue_id == ONLINE_VENUE) | (
        ((joined.latitude - _ONLINE_PLACE[0]).abs() < 0.001) & ((joined.longitude - _ONLINE_PLACE[1]).abs() < 0.001)
    )
    return joined.mutate(
        place=ibis.cases(
            (joined.venue_id.isnull(), "no venue"),
            (online, "online"),
            (~is_place(joined.latitude, joined.longitude), "no place"),
            (joined.venues.notnull(), "default place"),
            else_="place",
        )
    )


def by_place(tables: Tables) -> Expression:
    """Cells of a tenth of a degree."""
    rows = located(tables)
    here = rows.filter(rows.place == "place")
    cells = (
        here.mutate(cell_latitude=binned(here.latitude), cell_longitude=binned(here.longitude))
        .group_by(["cell_latitude", "cell_longitude"])
        .agg(
            members=lambda t: t.member.nunique(),
            rsvps=lambda t: t.count(),
            groups=lambda t: t.group_id.nunique(),
            events=lambda t: t.event_id.nunique(),
        )
    )
    return enough(cells).rename(latitude="cell_latitude", longitude="cell_longitude")


def by_kind(tables: Tables) -> Expression:
    """How many RSVPs are online, at a place, or nowhere."""
    cells = located(tables).group_by("place").agg(members=lambda t: t.member.nunique(), rsvps=lambda t: t.count())
    return enough(cells)


_MEMBERS = Column("members", Kind.INTEGER, "Distinct members who answered")
_RSVPS = Column("rsvps", Kind.INTEGER, "Their RSVPs")
PLACES = (
    Mart(
        Table(
            "places",
            "Where events are, in cells of a tenth of a degree",
            ("latitude", "longitude"),
            (
                Column("latitude", Kind.FLOAT, "The middle of the cell"),
                Column("longitude", Kind.FLOAT, "The middle of the cell"),
                _MEMBERS,
                _RSVPS,
                Column("groups", Kind.INTEGER, "Distinct groups"),
                Column("events", Kind.INTEGER, "Distinct events"),
            ),
            seen=Seen.PUBLISHED,
        ),
        by_place,
    ),
    Mart(
        Table(
            "place_kinds",
            "RSVPs by the kind of place",
            ("place",),
            (Column("place", Kind.TEXT, "place, online, no venue, no place, default place"), _MEMBERS, _RSVPS),
            seen=Seen.PUBLISHED,
        ),
        by_kind,
    ),
)

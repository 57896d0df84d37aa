"""When the models of interests are learned anew: not at each build, which would cost minutes for each minute's records.

They are when a table that they learn from has grown or shrunk by more than a share (``INSIGHT_LEARN_SHARE``, a
twentieth), when as many profiles were fetched again, when the time that the RSVPs span has grown by as much, when a
member is forgotten, when what they predict has become sensitive, and with another version of the program. Below that,
new records move a model's figures by less than their own 95 % intervals. Tables, marts and forecasts are of each build.
"""

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Final

from meetup_insight.moments import milliseconds
from meetup_insight.predicting import inputs
from meetup_insight.predicting.inputs import Denied
from meetup_insight.predicting.prediction_tables import PREDICTED_GROUPS, PREDICTED_TOPICS
from meetup_insight.schema import FEED_TABLES
from meetup_insight.schema.tables import GROUP_PROFILES, MEMBER_PROFILES
from meetup_insight.warehouse.changes import Merge
from meetup_insight.warehouse.protocol import Warehouse, counts, noted, relation, rows, setting

_LEARNED: Final = "learned"
_PROFILES: Final = (MEMBER_PROFILES, GROUP_PROFILES)
(_RSVPS,) = (feed.newest for feed in FEED_TABLES if feed.feed.name == "rsvps")
_TABLES: Final = (*(feed.versions for feed in FEED_TABLES if feed.feed.name in ("rsvps", "photos")), *_PROFILES)
"""What names members' acts, and topics of groups and members. Versions are added and never changed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to learn from. Times are milliseconds since the epoch, 0 if there is none."""

    rows: dict[str, int]
    """Of each table."""
    oldest: int
    """The mtime of the oldest RSVP."""
    newest: int
    """And of the newest. What lies back fades by shares of this span, so models age by it."""
    fetched: int
    """When the newest profile was."""
    program: str


def seen(warehouse: Warehouse) -> Seen:
    """As the warehouse is now."""
    rsvps = relation(_RSVPS)
    ((oldest, newest),) = rows(warehouse, rsvps.agg(oldest=rsvps.mtime.min(), newest=rsvps.mtime.max()))
    fetched = [relation(table).agg(fetched=lambda t: t.fetched.max()) for table in _PROFILES]
    latest = [milliseconds(at) for (at,) in rows(warehouse, fetched[0].union(fetched[1])) if at]
    return Seen(
        counts(warehouse, _TABLES),
        inputs.moment(oldest) or 0,
        inputs.moment(newest) or 0,
        int(max(latest, default=0)),
        version("meetup-insight"),
    )


def due(warehouse: Warehouse, now: Seen, share: float, without: Denied) -> bool:
    """Whether what was learned is of too little of what there is now."""
    then = _before(warehouse)
    if then is None or then.program != now.program:
        return True
    if now.newest - then.newest > share * (then.newest - then.oldest):
        return True
    moved = {name: abs(count - then.rows.get(name, 0)) for name, count in now.rows.items()}
    for table, count in _fetched_since(warehouse, then.fetched).items():
        moved[table] = max(moved[table], count)
    if any(count > share * then.rows.get(name, 0) for name, count in moved.items()):
        return True
    return _is_sensitive(warehouse, without)


def remembered(now: Seen) -> Merge:
    """The change that says what was learned from; written with what was learned."""
    return noted(_LEARNED, json.dumps(asdict(now), sort_keys=True))


def unlearned() -> Merge:
    """The change that has the next build learn anew; written with what makes it necessary."""
    return noted(_LEARNED, "")


def _before(warehouse: Warehouse) -> Seen | None:
    found = setting(warehouse, _LEARNED, "")
    try:
        return Seen(**json.loads(found)) if found else None
    except TypeError:  # an earlier version of the program counted something else
        return None


def _fetched_since(warehouse: Warehouse, before: int) -> dict[str, int]:
    """Profiles of each table that are younger."""
    found = {}
    for table in _PROFILES:
        profiles = relation(table)
        younger = profiles.filter(profiles.fetched.epoch_seconds() > before // 1000)
        ((found[table.name],),) = rows(warehouse, younger.agg(profiles=younger.count()))
    return found


def _is_sensitive(warehouse: Warehouse, without: Denied) -> bool:
    """Whether something is predicted that must not be any more."""
    topics = relation(PREDICTED_TOPICS).select("topic").distinct()
    groups = relation(PREDICTED_GROUPS).select("group_id").distinct()
    return any(topic in without.topics for (topic,) in rows(warehouse, topics)) or any(
        group in without.groups for (group,) in rows(warehouse, groups)
    )

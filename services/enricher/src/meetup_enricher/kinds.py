"""The two kinds of profiles, and where Meetup's REST API v2 has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_ID: Final = (1 << 63) - 1
"""Ids are positive whole numbers of 64 bits: 0 is what feeds show for a former member, and stores hold no more bits."""

_PLAINLY: Final = 2
"""Marks of another kind; one alone may be a field that Meetup has added."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its name in paths and labels, its path at the API, and the parameter that takes a list of ids."""

    name: str
    path: str
    id_parameter: str
    marks: frozenset[str]
    """Fields that, of all kinds, only its profiles have."""


MEMBERS: Final = Kind(
    "members", "/2/members", "member_id", frozenset({"joined", "visited", "hometown", "lang", "other_services"})
)
GROUPS: Final = Kind(
    "groups",
    "/2/groups",
    "group_id",
    frozenset({"urlname", "who", "join_mode", "organizer", "members", "visibility", "utc_offset"}),
)
KINDS: Final = (MEMBERS, GROUPS)


def is_of_another_kind(kind: Kind, profile: Mapping[str, Any]) -> bool:
    """Whether a result is plainly a profile of the other kind: an answer to what somebody else has asked."""
    others = frozenset().union(*(each.marks for each in KINDS if each is not kind))
    return len(others & profile.keys()) >= _PLAINLY and not kind.marks & profile.keys()

"""The two kinds of profiles: where Meetup's REST API v2 has them, and which collections hold their documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from meetupkit.integers import INT64

MAX_ID: Final = INT64 - 1
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


class MissingReason(StrEnum):
    """Why an id is remembered as missing; a bounded set, because it is a metric's label."""

    ABSENT = "absent"
    """Meetup's answer did not hold it: deleted, private, or never there."""
    REFUSED = "refused"
    """Meetup refused the request that asked for this id alone."""
    UNSTORABLE = "unstorable"
    """The profile is larger than any document store takes, or larger than an answer may be."""


@dataclass(frozen=True, slots=True)
class Collections:
    """The collections of one kind. All three collections use the same names, so an id is found in each."""

    kind: Kind
    profiles: str
    prefix: str

    @property
    def queue(self) -> str:
        """The collection of ids that wait for their look-up."""
        return f"{self.profiles}_queue"

    @property
    def missing(self) -> str:
        """The collection of ids without a profile."""
        return f"{self.profiles}_missing"

    def name(self, profile_id: int) -> str:
        """The document's name: ``m1234``."""
        return f"{self.prefix}{profile_id}"

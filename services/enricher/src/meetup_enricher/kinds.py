"""The two kinds of profiles, and where Meetup's REST API v2 has them."""

from dataclasses import dataclass
from typing import Final

MAX_ID: Final = (1 << 63) - 1
"""Ids are positive whole numbers of 64 bits: 0 is what feeds show for a former member, and stores hold no more bits."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its name in paths and labels, its path at the API, and the parameter that takes a list of ids."""

    name: str
    path: str
    id_parameter: str


MEMBERS: Final = Kind("members", "/2/members", "member_id")
GROUPS: Final = Kind("groups", "/2/groups", "group_id")
KINDS: Final = (MEMBERS, GROUPS)

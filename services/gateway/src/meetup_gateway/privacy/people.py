"""How members are told of: whole, under a pseudonym, or not at all; and who was erased. Pure.

It is decided before anything is kept, so that a store, a log and everything downstream hold no more than this allows.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from meetup_gateway.observing.changes import Version

_ID_BITS: Final = 53
"""Whole numbers that every reader of JSON keeps exact."""
_PSEUDONYMOUS_FIELDS: Final = frozenset({"id", "city", "country", "state", "lang", "joined", "status", "self"})
"""Of a profile under a pseudonym: nothing that names, shows or links a person."""
_ERASED_STATUSES: Final = frozenset({"removed", "blocked", "pendremoved"})


class Members(StrEnum):
    """What downstream may know of members."""

    FULL = "full"
    PSEUDONYMOUS = "pseudonymous"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class People:
    """``key`` makes pseudonyms and the hashes of the suppression list; ``suppressed`` asks that list."""

    members: Members
    key: bytes
    suppressed: Callable[[bytes], bool]

    def hash_of(self, member_id: int) -> bytes:
        """What the suppression list holds: nobody reads the id out of it without the key."""
        return hmac.new(self.key, b"suppressed:%d" % member_id, hashlib.sha256).digest()

    def told_id(self, member_id: int) -> int:
        """The id that downstream sees."""
        if self.members is not Members.PSEUDONYMOUS:
            return member_id
        digest = hmac.new(self.key, b"member:%d" % member_id, hashlib.sha256).digest()
        return (int.from_bytes(digest[:8], "big") >> (64 - _ID_BITS)) | 1

    def erased(self, member_id: int) -> bool:
        """Whether nothing of this member may be kept."""
        return self.suppressed(self.hash_of(member_id))

    def told(self, version: Version) -> Version | None:
        """The version as it may be kept; ``None`` if nothing of it may."""
        if version.member is None:
            return _without_member(version) if self.members is Members.NONE else version
        if self.erased(version.member):
            return None
        if self.members is Members.FULL:
            return version
        if self.members is Members.NONE:
            return _without_member(version)
        told = self.told_id(version.member)
        record = {**version.record, "member": {"member_id": told}}
        return Version(version.feed, version.id, record, version.mtime, version.event, told, version.updated)

    def profile(self, member_id: int, profile: dict[str, Any]) -> dict[str, Any] | None:
        """The profile as it may be kept; ``None`` if it may not."""
        if self.members is Members.NONE or self.erased(member_id):
            return None
        if self.members is Members.FULL:
            return profile
        kept = {name: value for name, value in profile.items() if name in _PSEUDONYMOUS_FIELDS}
        return {**kept, "id": self.told_id(member_id)}

    def group(self, profile: dict[str, Any]) -> dict[str, Any]:
        """A group's profile: its organiser is a member too."""
        organizer = profile.get("organizer")
        if not isinstance(organizer, dict):
            return profile
        kept = {name: value for name, value in profile.items() if name != "organizer"}
        number = organizer.get("member_id")
        if not isinstance(number, int) or self.members is Members.NONE or self.erased(number):
            return kept
        if self.members is Members.PSEUDONYMOUS:
            return {**kept, "organizer": {"member_id": self.told_id(number)}}
        return profile


def left_meetup(profile: dict[str, Any]) -> bool:
    """Whether Meetup removed the member: then we do too."""
    return profile.get("status") in _ERASED_STATUSES


def _without_member(version: Version) -> Version:
    record = {name: value for name, value in version.record.items() if name != "member"}
    return Version(version.feed, version.id, record, version.mtime, version.event, None, version.updated)

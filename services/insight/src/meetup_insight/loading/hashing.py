"""A member's id leaves the raw layer only as a keyed hash: without the key, nobody can tell who it is. Pure."""

import hashlib
from collections.abc import Iterable
from typing import Final

from meetup_insight.errors import WarehouseRefused

_DIGEST_BYTES: Final = 8
"""Sixteen letters. Two of 30 million members have the same hash with a chance of 1 in 40,000."""
LEAST_KEY_LETTERS: Final = 16
"""Member ids are small numbers: whoever guesses the key can try them all."""
_MOST_KEPT: Final = 500_000
"""Hashes remembered, about 60 MB: a member who RSVPs is likely to do so again."""


class MemberHash:
    """From an id to its hash; 0 and below are what feeds show for a former member, and no member."""

    def __init__(self, key: str) -> None:
        if len(key) < LEAST_KEY_LETTERS:
            raise WarehouseRefused(f"the hash key has {len(key)} letters: at least {LEAST_KEY_LETTERS} are due")
        self._key = hashlib.blake2b(key.encode(), digest_size=32, person=b"meetup-insight").digest()
        self._known: dict[int, str] = {}

    def __call__(self, member: int | None) -> str | None:
        """The hash, or nothing for nobody."""
        if member is None or member <= 0:
            return None
        found = self._known.get(member)
        if found is None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            found = self._known[member] = self._hash(b"member:%d" % member)
        return found

    def of_all(self, members: Iterable[int | None]) -> list[str | None]:
        """The hash of each."""
        known = self._known.get
        return [known(member) or self(member) if member else None for member in members]

    @property
    def fingerprint(self) -> str:
        """Tells one key from another, and nothing of the key."""
        return self._hash(b"fingerprint")

    def _hash(self, text: bytes) -> str:
        return hashlib.blake2b(text, key=self._key, digest_size=_DIGEST_BYTES).hexdigest()

"""Which of many objects lie in a store already, told by pages of a listing and not by a request for each. No I/O.

A stream that catches up brings lines that are nearly all stored, whose names lie close together: one page tells of
hundreds. Where they lie apart a page tells of few, and asking for each is cheaper.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from meetupkit.stores.objects.protocol import NewObject

PAGE: Final = 1000
"""The most names that Cloud Storage lists in one answer."""
_WORTH: Final = 10
"""A listed object costs about a tenth of the processor time of a request, so one in so many must be asked for."""


class Listed(NamedTuple):
    """What a listing says of an object; ``sha256`` is empty if it bears none."""

    name: str
    size: int
    crc32c: int
    sha256: str


ListPage = Callable[[str, str, int], Sequence[Listed]]
"""The first so many objects from a name to another, both included, in order."""


def known_by_listing(objects: Sequence[NewObject], page: ListPage) -> set[str]:
    """The names of those that a listing shows to lie there with the same body; nothing is known of the others."""
    wanted = {new.name: new for new in objects}
    waiting, known = sorted(wanted), set[str]()
    while waiting:
        most = min(PAGE, 2 * len(waiting))
        listed = page(waiting[0], waiting[-1], most)
        known.update(found.name for found in listed if found.name in wanted and _same(found, wanted[found.name]))
        told = sum(name <= listed[-1].name for name in waiting) if listed else 0
        if len(listed) < most or told * _WORTH < len(listed):
            break
        waiting = waiting[told:]
    return known


def _same(found: Listed, new: NewObject) -> bool:
    return (found.size, found.crc32c) == (len(new.body), new.crc32c) and found.sha256 == new.digest()

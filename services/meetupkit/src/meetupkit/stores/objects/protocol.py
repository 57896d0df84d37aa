"""What every store of objects does: whole bodies under a name, created once and never overwritten."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

_REST: Final = r"[^/\x00-\x1f\x7f\ud800-\udfff]*"
_COMPONENT: Final = r"[^./\x00-\x1f\x7f\ud800-\udfff]" + _REST
is_name: Final = re.compile(f"{_COMPONENT}(?:/{_COMPONENT})*").fullmatch
"""Whether every back end can hold an object of this name: relative, no empty component and none that starts with a dot
(``..``, hidden files), no control character (Cloud Storage refuses line ends, file systems NUL), no half of a surrogate
pair (not UTF-8)."""


@dataclass(frozen=True, slots=True)
class NewObject:
    """What is to be created. ``crc32c`` is the Castagnoli checksum of ``body``, as Cloud Storage computes it.

    ``sha256``: of the body, in hexadecimal, if its maker has it anyway; a back end that needs it computes it else.
    """

    name: str
    body: bytes
    crc32c: int
    content_type: str = "application/json"
    metadata: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""

    def digest(self) -> str:
        """The SHA-256 of the body, in hexadecimal; not for a back end that has the bytes to compare."""
        return self.sha256 or hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Created:
    """The name was free; the object is there now."""


@dataclass(frozen=True, slots=True)
class Exists:
    """The name was taken; nothing was written. ``same``: what is there has this body, by its length and SHA-256."""

    same: bool


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A body as it is stored; ``version`` changes with every write and is never 0."""

    body: bytes
    version: int


def check_name(name: str) -> None:
    """Raise ``ValueError`` unless every back end can hold an object of this name and none can be led astray by it."""
    if is_name(name) is None:
        raise ValueError(f"not an object's name: {name!r}")


class ObjectStore(Protocol):
    """Every method raises ``StoreUnavailable`` (try again later) or ``StoreRefused`` (operator action required).

    A method tries once: how often and how long to retry is its caller's decision (``meetupkit.retry``). A name that no
    back end could hold (``check_name``) is a ``ValueError``: a bug of its caller, not a store's state.
    """

    @property
    def concurrency(self) -> int:
        """How many ``create`` calls at once make sense: 1 for a disk, many where each one waits on a network."""

    def check(self) -> None:
        """Whether the store can be read and written now; for the start of a service."""

    def create(self, new: NewObject) -> Created | Exists:
        """Create the object if its name is free. Whole or not at all; outlives a kill of this process."""

    def compare(self, new: NewObject) -> Exists | None:
        """What ``create`` would answer if the name is taken; ``None`` if it is free. Writes nothing."""

    def known(self, objects: Sequence[NewObject]) -> set[str]:
        """The names of those that lie there with the same body, as far as that is cheaper to learn than one by one."""

    def read(self, name: str, *, most: int | None = None) -> StoredObject | None:
        """The object, or ``None`` if there is none; raises ``ObjectRefused`` for more than ``most`` bytes."""

    def replace(self, name: str, body: bytes, *, expected_version: int) -> int:
        """Write the object if its version is still the expected one (0: it does not exist) and return the new version.

        Raises ``Conflict`` if someone else wrote meanwhile, ``ObjectRefused`` if a folder has this name. After
        ``StoreUnavailable`` the write may have happened, and the same call would find its own work as a conflict: read
        again and compare before writing again.
        """

    def delete(self, name: str, *, expected_version: int) -> None:
        """Remove the object if its version is the expected one; nothing if it is gone. Raises ``Conflict``."""

    def names(self, prefix: str) -> Iterator[str]:
        """The names that start with the prefix, in order; what no ``create`` could have made is left out."""

    def sync(self) -> None:
        """Return when everything created so far outlives a power failure."""

    def close(self) -> None:
        """Let go of connections and files."""

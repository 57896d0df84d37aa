"""What a restarted stream must know, as the cursor object holds it. No I/O.

The object may come back damaged, so nothing of it is believed that cannot be true.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Self

from meetupkit.integers import INT64
from meetupkit.row_fields import MAX_MTIME
from pydantic import BaseModel, Field, ValidationError

MAX_BYTES: Final = 16 * 1024 * 1024
"""Four times what 200,000 ids take, the most that wait."""

Ids = tuple[frozenset[int], frozenset[int]]
"""Member ids and group ids."""
NO_IDS: Final[Ids] = (frozenset(), frozenset())
_Id = Annotated[int, Field(ge=1, lt=INT64)]
_whole_ids: Final = re.compile(rb"(?<=[\[ ,])[0-9]{1,19}(?=[,\]])").findall
"""Numbers between their separators: one that was cut or flipped apart is another member's id, or nobody's."""


class _Pending(BaseModel):
    members: frozenset[_Id]
    groups: frozenset[_Id]


class _Body(BaseModel):
    mtime: Annotated[int, Field(ge=0, le=MAX_MTIME)]
    ids_pending: _Pending
    passed_at: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    owner: Annotated[str, Field(max_length=300)]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``mtime`` in milliseconds, ``passed_at`` in seconds, since the epoch."""

    mtime: int = 0
    pending: Ids = NO_IDS
    passed_at: float = 0.0
    owner: str = ""

    def to_json(self) -> bytes:
        """The cursor object's body."""
        members, groups = self.pending
        return json.dumps(
            {
                "mtime": self.mtime,
                "ids_pending": {"members": sorted(members), "groups": sorted(groups)},
                "passed_at": self.passed_at,
                "owner": self.owner,
            }
        ).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Raises ``ValueError`` for a body that ``to_json`` did not write."""
        try:
            read = _Body.model_validate_json(body)
        except ValidationError as error:
            raise ValueError(f"not a cursor, in {error.error_count()} places") from None
        return cls(read.mtime, (read.ids_pending.members, read.ids_pending.groups), read.passed_at, read.owner)

    @classmethod
    def salvaged(cls, body: bytes) -> Self:
        """The ids that can still be read of a damaged body: nobody else knows that the enricher waits for them."""
        members, _, groups = body.partition(b'"groups"')
        return cls(pending=(frozenset(_ids(members.partition(b'"members"')[2])), frozenset(_ids(groups))))


def _ids(text: bytes) -> Iterator[int]:
    for digits in _whole_ids(b"".join(text.partition(b"]")[:2])):
        if 0 < (number := int(digits)) < INT64:
            yield number

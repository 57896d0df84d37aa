"""The address a stream is asked at: the feed's own query, kept as it is written, and how far back to start. Pure.

mtimes run backwards, in bursts by years, and a process that dies loses what lay unread in its socket. A reconnect
therefore asks for far more than the cursor says it needs; the server's backlog is bounded, and a record that comes
again names the same object.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_START: Final = frozenset({"since_mtime", "since_count"})
"""The parameters that say where to start; the documents forbid the two together."""
TRICKLE: Final = "trickle"
"""The valueless parameter that has open_venues send its whole database."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one connection asks for; ``whole``: the whole database."""

    url: str
    whole: bool = False


def resume_url(url: str, *, cursor: int, overlap: float, trickle: bool = True) -> str:
    """``url`` with ``since_mtime``: ``cursor`` milliseconds less ``overlap`` seconds, and never below 0.

    Every other part of the query stays as it was written; ``trickle=False`` takes out that one word.
    """
    parts = urlsplit(url)
    kept = [
        part
        for part in parts.query.split("&")
        if part and part.partition("=")[0] not in _START and (trickle or part.partition("=")[0] != TRICKLE)
    ]
    kept.append(f"since_mtime={max(0, cursor - int(overlap * 1000))}")
    return urlunsplit(parts._replace(query="&".join(kept)))


def is_trickle(url: str) -> bool:
    """Whether the address asks for a snapshot of the venue database."""
    return TRICKLE in (part.partition("=")[0] for part in urlsplit(url).query.split("&"))

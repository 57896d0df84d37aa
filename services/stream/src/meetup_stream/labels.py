"""The values that labels of metrics take."""

from enum import StrEnum
from typing import Final


class Disconnect(StrEnum):
    """Why there is no connection, or not the same one any more: a metric's label."""

    UNREACHABLE = "unreachable"
    """No address, no connection, or none within the time for it."""
    STATUS = "status"
    """An answer, but not 200."""
    ENDED = "ended"
    """The server ended the answer as HTTP does."""
    BROKEN = "broken"
    """Reset, or cut in the middle of a chunk."""
    SILENT = "silent"
    """No byte for the feed's read timeout, or no complete headers in time."""
    UNREADABLE = "unreadable"
    """No HTTP, or a body in a form that is not known."""


class Verdict(StrEnum):
    """Whether something may be missing before a connection: a metric's label."""

    OVERLAP = "overlap"
    """Nothing is."""
    GAP = "gap"
    """Something may be: the server's backlog did not reach back to what is stored."""
    UNPROVEN = "unproven"
    """Nothing came yet, nothing was stored before, or the connection sent the whole database."""


LINES: Final = ("received", "stored", "duplicate", "rejected")
"""What an entry counts of lines: those that came, and what each has become."""

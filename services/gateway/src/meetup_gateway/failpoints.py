"""The moments between which the process may die: nothing is lost, and nothing is done twice.

Each raises a Python audit event of its name, as ``meetupkit.failpoints`` does for the other services. Tests listen,
and kill the process there.
"""

import sys
from enum import StrEnum


class Failpoint(StrEnum):
    """Each is hit right after what its name says."""

    ANSWER_READ = "meetup.answer_read"
    """The API answered; nothing of it is kept yet."""
    VERSIONS_COMMITTED = "meetup.versions_committed"
    """What the answer changed is in the log; nobody was told."""
    SESSION_RECEIVED = "meetup.session_received"
    """Meetup used up a refresh token and sent the next; it is not durable yet."""
    SESSION_KEPT = "meetup.session_kept"
    """A new refresh token is durable; the access token beside it is not used yet."""
    LINES_SENT = "meetup.lines_sent"
    """Lines of the log left for a stream."""


def hit(failpoint: Failpoint) -> None:
    """Say that the process is there."""
    sys.audit(failpoint.value)

"""The durable boundaries of a build: it may die between any two, and the next one makes the same tables.

Passing one raises a Python audit event, which costs next to nothing where nobody listens. Tests listen, and kill.
"""

import sys
from enum import StrEnum


class Failpoint(StrEnum):
    """Each is hit right after what its name says."""

    ROWS_LOADED = "meetup_insight.rows_loaded"
    """A change's rows are in BigQuery, in tables that nobody reads yet."""
    COMMIT_SENT = "meetup_insight.commit_sent"
    """BigQuery has the script of a change, and may be at it."""
    CHANGES_WRITTEN = "meetup_insight.changes_written"
    """A change is in the tables."""


def hit(failpoint: Failpoint) -> None:
    """Say that the process is at the failpoint."""
    sys.audit(failpoint.value)

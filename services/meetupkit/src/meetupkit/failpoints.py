"""The durable boundaries, by name: between any two of them a process may die, and nothing is lost or done twice.

Passing one raises a Python audit event, which costs next to nothing where nobody listens. The tests of the promises
listen: they kill the process at each failpoint in turn (``tests/promises``).
"""

import sys
from enum import StrEnum


class Failpoint(StrEnum):
    """Each is hit right after what its name says."""

    RECORD_READ = "meetup.record_read"
    """stream: lines left the socket and are nowhere else."""
    OBJECT_WRITTEN = "meetup.object_written"
    """stream: a record's object (or a batch's segment) is created."""
    IDS_ACCEPTED = "meetup.ids_accepted"
    """stream: the enricher answered 202."""
    CURSOR_WRITTEN = "meetup.cursor_written"
    """stream: the cursor object is replaced."""
    IDS_QUEUED = "meetup.ids_queued"
    """enricher: ids are in the durable queue, the 202 is not sent."""
    IDS_TAKEN = "meetup.ids_taken"
    """enricher: a batch is leased."""
    ANSWER_RECEIVED = "meetup.answer_received"
    """enricher: Meetup answered for the batch."""
    BATCH_COMMITTED = "meetup.batch_committed"
    """enricher: profiles are written and their ids have left the queue."""


def hit(failpoint: Failpoint) -> None:
    """Say that the process is at the failpoint."""
    sys.audit(failpoint.value)

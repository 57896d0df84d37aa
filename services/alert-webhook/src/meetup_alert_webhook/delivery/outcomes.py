"""What came of an alert, and so what its sender is told."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why an alert is answered 503; a bounded set, because it is a metric's label."""

    SLACK_PAUSED = "slack_paused"
    SLACK_UNAVAILABLE = "slack_unavailable"
    SLACK_REFUSED = "slack_refused"
    BUSY = "busy"
    STORE_UNAVAILABLE = "store_unavailable"
    STOPPING = "stopping"
    OVERLOADED = "overloaded"
    CREDENTIALS_UNCHECKED = "credentials_unchecked"
    BUG = "bug"
    """Of ours: an unexpected exception."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Slack has it."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Slack, or the outbox, had it before."""


@dataclass(frozen=True, slots=True)
class Queued:
    """The outbox has it."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Nobody has it: the sender must bring it again, in so many seconds at the earliest."""

    reason: Reason
    seconds: float


Outcome = Sent | Duplicate | Queued | RetryLater

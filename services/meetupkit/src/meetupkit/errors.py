"""The error tree. Whether an error is transient or permanent is decided here and nowhere else.

::

    MeetupError
    ├── TransientError              the same call may succeed later
    │   ├── UpstreamUnavailable     Meetup's streams or API: refused, reset, silent, 5xx, an empty 200
    │   │   └── Throttled           429, or Meetup's older 400 "throttled"
    │   ├── EnricherUnavailable     the enricher did not take the ids
    │   ├── SlackUnavailable        Slack did not answer, or answered 5xx
    │   │   └── SlackThrottled      429
    │   └── StoreUnavailable        a store cannot be reached or is full
    └── PermanentError              operator action required
        ├── UpstreamRefused         Meetup refuses: 401 for the key, 400 for the request
        ├── SlackRefused            Slack refuses: a revoked webhook or token, a channel it does not know
        ├── StoreRefused            credentials, missing bucket or database, not writable by this user
        ├── ObjectRefused           what lies at an object's name is no object, or more than its reader takes
        ├── DocumentRefused         the store will never take this document
        │   └── DocumentTooLarge    because of its size
        └── Conflict                someone else wrote first; read again before you write
"""


class MeetupError(Exception):
    """The root of every error the services raise on purpose."""


class TransientError(MeetupError):
    """The same call may succeed later.

    ``retry_after`` is what the other side asked for, in seconds, if it asked.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UpstreamUnavailable(TransientError):
    """Meetup did not answer, or answered that it cannot now."""


class Throttled(UpstreamUnavailable):
    """Meetup answered that this key or address asks too often."""


class EnricherUnavailable(TransientError):
    """The enricher did not take the ids."""


class SlackUnavailable(TransientError):
    """Slack did not take the message now."""


class SlackThrottled(SlackUnavailable):
    """Slack asks for fewer messages."""


class StoreUnavailable(TransientError):
    """A store cannot be reached, or has no room."""


class PermanentError(MeetupError):
    """Operator action is required before the same call can succeed."""


class UpstreamRefused(PermanentError):
    """Meetup refuses this key or this request."""


class SlackRefused(PermanentError):
    """Slack refuses this webhook, this token or this channel."""


class StoreRefused(PermanentError):
    """A store refuses this identity, or what the address names does not exist."""


class ObjectRefused(PermanentError):
    """What lies at an object's name cannot be used as one: a folder, a device, or more bytes than its reader takes."""


class DocumentRefused(PermanentError):
    """The store will never take this document; ``name`` says which one of a commit it is, if that is known."""

    def __init__(self, message: str, *, name: str | None = None) -> None:
        super().__init__(message)
        self.name = name


class DocumentTooLarge(DocumentRefused):
    """The store will never take a document of this size."""


class Conflict(PermanentError):
    """The precondition of a write does not hold any more: someone else wrote first."""


def cause_of(error: BaseException) -> str:
    """The class of what happened at the bottom: ConnectionResetError, gaierror. Its text may hold the address."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return type(error).__name__

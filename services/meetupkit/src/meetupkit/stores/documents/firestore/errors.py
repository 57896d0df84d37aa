"""What Firestore's errors mean: the one place where Google's exceptions become ours.

Google's own list of what may be retried: https://cloud.google.com/firestore/docs/understand-error-codes.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from google.api_core import exceptions as api
from google.auth import exceptions as auth

from meetupkit.errors import Conflict, DocumentRefused, DocumentTooLarge, MeetupError, StoreRefused, StoreUnavailable
from meetupkit.foreign_text import printable
from meetupkit.stores.documents import Delete, Put, Write

TRANSIENT: Final[dict[type[api.GoogleAPICallError], str]] = {
    api.ServiceUnavailable: "cannot be reached",  # UNAVAILABLE: no connection, no name, a front end restarts
    api.DeadlineExceeded: "did not answer in time",  # the answer is missing; what was asked may have been done
    api.ResourceExhausted: "takes no more for now",  # a quota, or more writes than a key range takes until it is split
    api.Aborted: "gave the documents' locks to another writer",  # contention of writers or transactions
    api.InternalServerError: "failed",  # INTERNAL: Google asks to try again
    api.Unknown: "broke off",  # UNKNOWN: the connection ended in the middle of an answer
    api.Cancelled: "ended the call",  # CANCELLED: a server or the channel shut down under the call
}
"""What may be gone at the next try, by class, and how it reads in a sentence; subclasses count as their parent."""

_NO_DATABASE: Final = re.compile(r"database .* does not exist", re.IGNORECASE)
_DATASTORE_MODE: Final = re.compile(r"datastore mode", re.IGNORECASE)
_TOO_LARGE: Final = re.compile(r"exceeds the (maximum|limit)|too (big|large)|larger than", re.IGNORECASE)
NO_CREDENTIALS: Final = (
    "no usable Google credentials: run `gcloud auth application-default login`, name a key file in "
    "GOOGLE_APPLICATION_CREDENTIALS, or bind the pod's service account to a Google one (Workload Identity)"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose errors they are, for their sentences."""

    project: str
    database: str

    def __str__(self) -> str:
        return f"firestore://{self.project}/{self.database}"


@contextmanager
def translated(place: Place, writes: Sequence[Write] = ()) -> Iterator[None]:
    """Raise ours for Google's; ``writes`` are those of the commit, if it is one."""
    try:
        yield
    except api.GoogleAPICallError as error:
        raise _from_call(place, error, writes) from error
    except auth.GoogleAuthError as error:
        raise from_auth(place, error) from error


def from_auth(place: Place, error: auth.GoogleAuthError) -> MeetupError:
    """A token server that does not answer is an outage; one that says no, or no credentials at all, is not."""
    if isinstance(error, auth.TransportError) or error.retryable:
        return StoreUnavailable(f"{place}: Google's token server cannot be reached ({_detail(error)})")
    return StoreRefused(f"{place}: {NO_CREDENTIALS} ({_detail(error)})")


def _from_call(place: Place, error: api.GoogleAPICallError, writes: Sequence[Write]) -> MeetupError:
    detail = _detail(error)
    for kind, reads in TRANSIENT.items():
        if isinstance(error, kind):
            return StoreUnavailable(f"{place} {reads} ({detail})", retry_after=_retry_after(error))
    match error:
        case api.AlreadyExists():
            return Conflict(f"{place}: a document is there already ({detail})")
        case api.NotFound() if _is_conditional(writes) and not _NO_DATABASE.search(error.message):
            return Conflict(f"{place}: a document was deleted by someone else ({detail})")
        case api.FailedPrecondition() if _is_conditional(writes) and not _DATASTORE_MODE.search(error.message):
            return Conflict(f"{place}: a document was written by someone else ({detail})")
        case api.InvalidArgument() if writes:
            kind_of_refusal = DocumentTooLarge if _TOO_LARGE.search(error.message) else DocumentRefused
            return kind_of_refusal(f"{place} will not store it ({detail})", name=_named(error.message, writes))
        case _:
            return StoreRefused(f"{place}: {_what_to_do(place, error)} ({detail})")


def _what_to_do(place: Place, error: api.GoogleAPICallError) -> str:
    """What the operator must create or grant, in a sentence."""
    project, database = place.project, place.database
    match error:
        case api.Unauthenticated():
            return NO_CREDENTIALS
        case api.PermissionDenied(reason="SERVICE_DISABLED"):
            return f"the API is off: run `gcloud services enable firestore.googleapis.com --project={project}`"
        case api.PermissionDenied():
            return f"this identity may not use it: grant it roles/datastore.user on the project {project}"
        case api.NotFound():
            return (
                "the project or the database does not exist: check the names, or run "
                f"`gcloud firestore databases create --project={project} --database='{database}' --location=LOCATION`"
            )
        case api.FailedPrecondition() if _DATASTORE_MODE.search(error.message):
            return "the database is in Datastore mode: create one in native mode and name it after the project"
        case api.FailedPrecondition() if "index" in error.message:
            return "a query has no composite index: create those of k8s/gcp/firestore.indexes.json"
        case _:
            return f"refuses the request with {type(error).__name__}"


def _is_conditional(writes: Sequence[Write]) -> bool:
    return any(not isinstance(write, Put | Delete) or write.expected_version is not None for write in writes)


def _named(message: str, writes: Sequence[Write]) -> str | None:
    """The document that the message speaks of; the only one there is, if it names none."""
    if len(writes) == 1:
        return writes[0].name
    paths = (rf"/documents/{write.collection}/{re.escape(write.name)}(?![\w-])" for write in writes)
    return next((write.name for write, path in zip(writes, paths, strict=True) if re.search(path, message)), None)


def _retry_after(error: api.GoogleAPICallError) -> float | None:
    """The seconds Google asks to wait, if it does (google.rpc.RetryInfo)."""
    for detail in error.details:
        if delay := getattr(detail, "retry_delay", None):
            return float(delay.seconds + delay.nanos / 1e9)
    return None


def _detail(error: Exception) -> str:
    text = error.message if isinstance(error, api.GoogleAPICallError) else str(error)
    return printable(str(text))

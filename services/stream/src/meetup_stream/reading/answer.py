"""The answer to a request for a stream, judged by its status and headers: a body to read, or why there is none."""

import time
from typing import Final
from urllib.parse import urljoin

from meetupkit.errors import UpstreamUnavailable
from meetupkit.foreign_text import printable
from meetupkit.http.retry_after import retry_after_seconds
from meetupkit.urls import shown

from meetup_stream.labels import Disconnect
from meetup_stream.reading.body import Body, BodyUnreadable, BrokenBody, body_of
from meetup_stream.reading.connection import Connection, HeadersTooSlow
from meetup_stream.reading.response import BadResponse, Response
from meetup_stream.reading.route import NoRoute

_ERROR_BODY_BYTES: Final = 300
"""As much of an error's body as helps to see who answered."""
ERROR_BODY_SECONDS: Final = 5.0
"""For that much of it: nothing depends on it."""
_PASSING_STATUSES: Final = frozenset({408, 420, 425, 429})
"""Client errors that time cures; 420 was the "slow down" of streaming APIs of Meetup's day."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200


class Lost(UpstreamUnavailable):
    """A connection ended, or did not come about."""

    def __init__(self, cause: Disconnect, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.cause = cause


class Refused(Lost):
    """The server says no to the request itself. It may be the gateway of a moment; see ``refusals``."""


def stream_body(connection: Connection, url: str, *, silence: float) -> Body:
    """Ask, and judge the answer by its status and headers; raises ``Lost`` if it is not the stream."""
    try:
        response = connection.ask()
        if response.status != _OK:
            raise _not_ok(response, connection, url)
        return body_of(response, connection.receive)
    except TimeoutError:
        raise Lost(Disconnect.SILENT, f"no answer within {silence:g} s") from None
    except HeadersTooSlow as error:
        raise Lost(Disconnect.SILENT, str(error)) from None
    except (BadResponse, BodyUnreadable) as error:
        raise Lost(Disconnect.UNREADABLE, str(error)) from None
    except (NoRoute, OSError, UnicodeError) as error:  # UnicodeError: a name that DNS cannot hold
        raise Lost(Disconnect.UNREACHABLE, described(error)) from None


def _not_ok(response: Response, connection: Connection, url: str) -> Lost:
    """A redirect is a refusal: its target is the server's choice, not the operator's, and its body is not read."""
    status, location = response.status, response.headers.get("location")
    retry_after = retry_after_seconds(response.headers.get("retry-after"))
    if status in _REDIRECTS and location is not None:
        where = f"redirected ({status}) to {shown(_joined(url, location))}, which is not followed"
        return Refused(Disconnect.STATUS, f"{where}: set STREAM_URL to it if it is the stream", retry_after=retry_after)
    message = printable(f"{status} {response.reason}: {_error_body(response, connection)!r}")
    kind = Refused if 400 <= status < 500 and status not in _PASSING_STATUSES else Lost
    return kind(Disconnect.STATUS, message, retry_after=retry_after)


def _error_body(response: Response, connection: Connection) -> str:
    """Its beginning, as far as it comes in time."""
    due = time.monotonic() + ERROR_BODY_SECONDS
    text = b""
    try:
        body = body_of(response, connection.receive)
        while len(text) < _ERROR_BODY_BYTES and (left := due - time.monotonic()) > 0:
            connection.patience(left)
            if (block := body.read()) is None:
                break
            text += block
    except (BodyUnreadable, BrokenBody, OSError):
        return printable(text) or "(unreadable)"
    return printable(text[:_ERROR_BODY_BYTES])


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def described(error: Exception) -> str:
    """What happened, fit for a log."""
    return printable(f"{type(error).__name__}: {error}")

"""Answers over ASGI: with a body at once, and the errors of the streams and of REST v2 in their forms. No I/O."""

from dataclasses import dataclass
from typing import Any, Final

from meetupkit.http.asgi import Send
from meetupkit.java_json import encode

JSON: Final = "application/json;charset=utf-8"
Headers = tuple[tuple[str, str], ...]
_DOCS: Final = "https://www.meetup.com/meetup_api/docs/"
_PROBLEMS: Final[dict[str, tuple[str, str]]] = {
    "throttled": ("Credentials have been throttled", "Client throttled"),
    "not_authorized": (
        f"API requests must be key-signed, oauth-signed, or accompanied by a key: {_DOCS}#authentication",
        "You are not authorized to make that request",
    ),
    "bad_request": (
        f"Perhaps you're missing a required parameter. You can find full documentation of the api here: {_DOCS}",
        "The API request is malformed",
    ),
    "unavailable": ("The profiles cannot be had now, try again later", "The server failed"),
}
_CODES: Final = {400: "bad_request", 401: "not_authorized", 429: "throttled", 503: "unavailable"}


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    body: bytes
    headers: Headers = ()
    content_type: str = JSON

    async def send(self, send: Send) -> None:
        """Send it."""
        told = (("content-type", self.content_type), ("content-length", str(len(self.body))), *self.headers)
        await send(head(self.status, told))
        await send({"type": "http.response.body", "body": self.body})


def head(status: int, headers: Headers) -> dict[str, Any]:
    """ASGI's begin of an answer."""
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": encoded}


def stream_error(status: int, code: str, message: str) -> Response:
    """The only form of a stream's error that a client of theirs looked for."""
    return Response(status, encode({"errors": [{"code": code, "message": message}]}))


def problem(status: int, headers: Headers = ()) -> Response:
    """An error of REST v2, as clients recorded them."""
    code = _CODES[status]
    details, text = _PROBLEMS[code]
    return Response(status, encode({"details": details, "code": code, "problem": text}), headers)

"""What an answer of the API means: data, and what of it is no truth; or the error that it is. Pure.

The forms are those that clients recorded or that Meetup documented; ``../shared`` knows no others, so what is not
understood is never taken for "there is nothing".
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from meetupkit.errors import Throttled, UpstreamRefused, UpstreamUnavailable
from meetupkit.foreign_text import printable
from meetupkit.http.retry_after import retry_after_seconds

from meetup_gateway.source.limits import Limit, code_of, limit_of, told_limit

_UNDEFINED: Final = re.compile(r"[Ff]ield '(\w+)' (?:in|on) type '(\w+)'")
"""In the words of graphql-java and of graphql-core."""
_PARTING: Final = (b"{", b"[", b",")
_MOST_PARTS: Final = 500_000
"""Each part of an answer takes some hundred bytes of memory: small ones could make a gigabyte of what may be read. The
greatest batches, of 20 groups with 100 events each, have a fifth of these."""
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape of a surrogate: seldom, so only then is the whole value looked at."""
_REFUSED_QUERY: Final = frozenset({400, 422})
_SHORTEST_SECRET: Final = 8
"""What is shorter keeps nothing secret, and may be a word."""
_MOST_DIGITS: Final = 10
"""No list of an answer is as long as that."""
_UNAUTHORIZED: Final = ("unauthorized", "unauthenticated", "not authorized", "invalid token", "expired token")
_RETIRED: Final = ("deprecated", "turned off", "no longer available", "retired")


class TokenRefused(UpstreamRefused):
    """401: the token is not good (any more)."""


class EndpointRetired(UpstreamRefused):
    """The address answers that it was switched off."""


class QueryRefused(UpstreamRefused):
    """The query is not valid for the server's schema; ``undefined`` are the ``Type.field`` that it does not know."""

    def __init__(self, message: str, undefined: frozenset[str]) -> None:
        super().__init__(message)
        self.undefined = undefined


class PointsGone(Throttled):
    """The budget is used up: nothing of the request was answered."""

    def __init__(self, message: str, limit: Limit) -> None:
        super().__init__(message, retry_after=limit.seconds)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered. ``harmed`` are the places whose nulls are failures and not facts."""

    data: Mapping[str, Any]
    harmed: tuple[tuple[str | int, ...], ...]
    limit: Limit | None
    skew: float | None
    """Seconds that the server's clock is ahead of ours, if its ``Date`` says."""


def read_reply(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
    """The answer to a query at ``now`` (seconds since the epoch); raises what any other answer means."""
    skew = _skew(headers.get("Date"), now)
    server_now = now + (skew or 0.0)
    value = _json(body)
    errors = _errors(value)
    limit = limit_of(errors, server_now)
    if status == 429 or (status != 200 and limit is not None):
        raise PointsGone(f"throttled ({status})", told_limit(headers, limit, server_now))
    if status == 401:
        raise TokenRefused("the token is not accepted (401)")
    if status in _REFUSED_QUERY:  # as the specification of GraphQL over HTTP has it, where Meetup answers 200
        _raise_for(errors)
    if status >= 500 or status in (408, 425):
        raise _unavailable(status, headers, value, server_now)
    if status != 200:
        raise UpstreamRefused(f"answered {status}: {_first_message(value)}; check GATEWAY_API_URL and the contact")
    if not isinstance(value, dict):
        raise UpstreamUnavailable("answered 200 with what is not an answer of GraphQL")
    return _reply(value, errors, limit, skew)


def _reply(value: dict[str, Any], errors: Sequence[dict[str, Any]], limit: Limit | None, skew: float | None) -> Reply:
    data = value.get("data")
    if isinstance(data, dict) and any(field is not None for field in data.values()):
        return Reply(data, tuple(_path(error) for error in errors), limit, skew)
    if limit is not None:
        raise PointsGone("the points are used up (RATE_LIMITED)", limit)
    _raise_for(errors)
    if not isinstance(data, dict):
        raise UpstreamUnavailable(f"answered 200 without data: {_first_message(value)}")
    return Reply(data, tuple(_path(error) for error in errors), None, skew)


def _errors(value: Any) -> list[dict[str, Any]]:
    """What the answer lists as errors; what is no list or no object is an error too, of which nothing is known."""
    errors = value.get("errors") if isinstance(value, dict) else None
    if not isinstance(errors, list):
        return [{}] if errors else []
    return [error if isinstance(error, dict) else {} for error in errors]


def _raise_for(errors: Sequence[dict[str, Any]]) -> None:
    for error in errors:
        message = str(error.get("message") or "")
        extensions = error.get("extensions")
        classification = str(extensions.get("classification")) if isinstance(extensions, dict) else ""
        unauthorized = any(word in message.lower() for word in _UNAUTHORIZED) or code_of(error) == "UNAUTHENTICATED"
        if unauthorized and not _path(error):  # with a path it is one field that this member may not see
            raise TokenRefused(f"the token is not accepted: {printable(message)}")
        if classification in ("ValidationError", "InvalidSyntax") or code_of(error) == "GRAPHQL_VALIDATION_FAILED":
            raise QueryRefused(f"the query is refused: {printable(message)}", _undefined(errors))


def _undefined(errors: Sequence[dict[str, Any]]) -> frozenset[str]:
    found = (_UNDEFINED.search(str(error.get("message") or "")) for error in errors)
    return frozenset(f"{match[2]}.{match[1]}" for match in found if match)


def _unavailable(
    status: int, headers: Mapping[str, str], value: Any, now: float
) -> UpstreamUnavailable | EndpointRetired:
    message = _first_message(value)
    if status == 503 and any(word in message.lower() for word in _RETIRED):
        return EndpointRetired(f"the endpoint is switched off: {message}; set GATEWAY_API_URL to the present one")
    return UpstreamUnavailable(
        f"answered {status}", retry_after=retry_after_seconds(headers.get("Retry-After"), now=now)
    )


def _path(error: dict[str, Any]) -> tuple[str | int, ...]:
    """Where the error struck; the empty path is everywhere."""
    path = error.get("path")
    return tuple(map(_step, path)) if isinstance(path, list) else ()


def _step(part: Any) -> str | int:
    """A key, or an index: also one that was written as a text."""
    text = str(part)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS else text


def without_secrets(body: bytes, secrets: Iterable[str]) -> bytes:
    """An answer that failed may repeat what it was sent, and parts of it are told in logs and on pages."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            body = body.replace(secret.encode(), b"(a secret)")
    return body


def _first_message(value: Any) -> str:
    if isinstance(value, dict):
        if isinstance(value.get("message"), str):
            return printable(value["message"])
        for error in _errors(value):
            if isinstance(error.get("message"), str):
                return printable(error["message"])
    return "nothing that can be read"


def _json(body: bytes) -> Any:
    """Lenient with bytes that are not UTF-8 and with halves of surrogate pairs; ``None`` for what is not JSON."""
    if sum(map(body.count, _PARTING)) > _MOST_PARTS:
        return None
    text = body.decode("utf-8", errors="replace")
    try:
        value = json.loads(text)
        return _without_halves(value) if _HALF.search(text) else value
    except (ValueError, RecursionError):
        return None


def _without_halves(value: Any) -> Any:
    """No database and no record could hold them."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_halves(each) for each in value]
    if isinstance(value, dict):
        return {_without_halves(name): _without_halves(each) for name, each in value.items()}
    return value


def _skew(date: str | None, now: float) -> float | None:
    """``Date`` is in whole seconds: what differs by less than two is no difference."""
    if not date or len(date) > 64:
        return None
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    ahead = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    return ahead if abs(ahead) >= 2 else 0.0

"""Reads the body of a request within a size and a time, and the ids out of it. Bounded before it is parsed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from meetupkit.http.body import CutOff, TooLarge, TooSlow, read_body
from pydantic_core import from_json
from starlette.requests import Request

from meetup_enricher.kinds import KINDS, MAX_ID

MAX_BODY_BYTES: Final = 1024 * 1024
"""Ten thousand ids of 19 digits have 200 kB; what is larger than five times that is not a list of ids."""
MAX_IDS: Final = 10_000
"""Ids in one request: twenty commits, about a second. A sender of more sends more requests, and learns of each."""
BODY_SECONDS: Final = 10.0
"""A sender of a list of ids has all of it in memory; one that takes longer holds up a connection."""
_MISTAKES_SHOWN: Final = 20
CLIENT: Final = "client"
CLIENT_PATTERN: Final = "^[a-z0-9_-]{0,63}$"
"""The names that MeetupFeeds and labels have; a feed sends its own."""


@dataclass(frozen=True, slots=True)
class EnrichmentRequest:
    """What a request asks for: ids by kind, as they were sent, and who asks."""

    ids: dict[str, list[int]]
    client: str


class BadRequest(Exception):
    """The request cannot be accepted: the status to answer with, and each mistake in a sentence."""

    def __init__(self, status: int, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.status = status
        self.mistakes = mistakes


async def read_json_body(request: Request, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body. Raises ``BadRequest``: 415 not JSON, 413 too large, 408 too slow, 400 cut off."""
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise BadRequest(415, "Content-Type must be application/json, in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequest(415, "Content-Encoding is not supported")
    try:
        return await read_body(request, limit=MAX_BODY_BYTES, seconds=seconds)
    except TooLarge:
        raise BadRequest(413, f"the body may have at most {MAX_BODY_BYTES} bytes") from None
    except TooSlow:
        raise BadRequest(408, f"the body did not arrive within {seconds:g} s") from None
    except CutOff:
        raise BadRequest(400, "the body was cut off") from None


def read_ids(body: bytes) -> dict[str, list[int]]:
    """The ids of ``read_request``."""
    return read_request(body).ids


def read_request(body: bytes) -> EnrichmentRequest:
    """What the body asks for. Raises ``BadRequest``: 400 not JSON, 422 naming each wrong item."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:  # also: not UTF-8, NaN, nested too deep
        raise BadRequest(400, f"the body is not JSON: {error}") from None
    mistakes: list[str] = []
    for mistake in _mistakes(value):
        if len(mistakes) == _MISTAKES_SHOWN:
            mistakes.append("and more")
            break
        mistakes.append(mistake)
    if mistakes:
        raise BadRequest(422, *mistakes)
    return EnrichmentRequest({kind.name: value.get(kind.name, []) for kind in KINDS}, value.get(CLIENT, ""))


def _mistakes(value: Any) -> Iterator[str]:
    names = [kind.name for kind in KINDS]
    if not isinstance(value, dict):
        yield f"the body must be an object with {' and '.join(names)}"
        return
    for name in value:
        if name not in (*names, CLIENT):
            yield f"{name[:50]!r}: no such field, there are {' and '.join(names)}"
    client = value.get(CLIENT, "")
    if not (isinstance(client, str) and re.fullmatch(CLIENT_PATTERN, client)):
        yield f"{CLIENT}: must be at most 63 of the characters a-z, 0-9, _ and -"
    lists = {name: value[name] for name in names if name in value}
    if not lists:
        yield f"one of {' and '.join(names)} is required"
    count = sum(len(ids) for ids in lists.values() if isinstance(ids, list))
    if count > MAX_IDS:
        yield f"{count} ids, at most {MAX_IDS} are taken at once"
        return
    for name, ids in lists.items():
        if not isinstance(ids, list):
            yield f"{name}: must be a list of ids"
            continue
        for index, each in enumerate(ids):
            if type(each) is not int or not 1 <= each <= MAX_ID:  # type: a boolean is an int otherwise
                yield f"{name}[{index}]: must be a whole number from 1 to {MAX_ID}, not {_shown(each)}"


def _shown(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() if abs(value) > MAX_ID:
            return "one of more than 64 bits"
        case int() | float():
            return str(value)
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"

"""``GET /2/members`` and ``/2/groups``: the envelope, its pages, the key, the call limit and the documented errors.

The gateway writes the same envelope. It stands here a second time on purpose: a stand-in that shared code with what it
stands in for would share its mistakes, and no test would see them.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from meetupkit.java_json import encode, java_order

from meetup_simulator.http.server import Headers, Request, Response
from meetup_simulator.rest.profiles import Profiles
from meetup_simulator.rest.rate_limit import RateLimit, Window

PAGE: Final = 200
"""Documented as both the default and the most."""
_MOST_IDS: Final = 10_000
_JSON: Final = "application/json;charset=utf-8"
_DOCS: Final = "https://www.meetup.com/meetup_api/docs/"
_SELECTORS: Final[Mapping[str, tuple[str, ...]]] = {
    "members": ("member_id", "group_id", "group_urlname", "topic", "service"),
    "groups": (
        "group_id", "group_urlname", "organizer_id", "member_id", "domain", "category_id", "topic", "zip", "lat",
        "city",
    ),
}  # fmt: skip
_ID_SELECTOR: Final[Mapping[str, str]] = {"members": "member_id", "groups": "group_id"}
_ORDERS: Final[Mapping[str, Mapping[str, str]]] = {
    "members": {"name": "name", "visited": "visited", "joined": "joined"},
    "groups": {"id": "id", "location": "city", "name": "name", "members": "members"},
}
"""What ``order`` may be, and the field it sorts by; the first is the default."""

_THROTTLED = ("throttled", "Credentials have been throttled", "Client throttled")
_BLOCKED = ("blocked", "Credentials have be throttled more than the allowed times in one hour", "Client throttled")
_UNAUTHORIZED = (
    "not_authorized",
    f"API requests must be key-signed, oauth-signed, or accompanied by a key: {_DOCS}#authentication",
    "You are not authorized to make that request",
)
_BAD_REQUEST = (
    "bad_request",
    "Perhaps you're missing a required parameter. You can find full documentation of the api here: "
    + _DOCS.replace("https", "http"),
    "The API request is malformed",
)
_PROBLEMS: Final = {row[0]: row for row in (_THROTTLED, _BLOCKED, _UNAUTHORIZED, _BAD_REQUEST)}
_BY_STATUS: Final = {400: "bad_request", 401: "not_authorized", 429: "throttled"}


def problem(status: int, code: str | None, headers: Headers = ()) -> Response:
    """An error as documented; a status whose body nobody recorded gets one of the same form."""
    name = code or _BY_STATUS.get(status, "internal_error")
    code, details, text = _PROBLEMS.get(name, (name, "Something went wrong", "The server failed"))
    body = encode({"details": details, "code": code, "problem": text})
    return Response(status, (("Content-Type", _JSON), *headers), body)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call's parameters, read."""

    ids: list[int]
    page: int
    offset: int
    order: str
    desc: bool
    only: frozenset[str]
    omit: frozenset[str]


class _Malformed(Exception):
    """A required parameter is missing, or one cannot be read."""


class RestApi:
    """Members and groups. ``asked`` counts how often each id was asked for, by kind."""

    def __init__(
        self,
        profiles: Mapping[str, Profiles],
        *,
        key: str,
        limit: RateLimit,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._profiles = profiles
        self._key = key
        self._window = Window(limit, clock)
        self._now = now
        self.calls: Counter[str] = Counter()
        self.throttled = 0
        self.asked: dict[str, Counter[int]] = {kind: Counter() for kind in profiles}

    def kind_at(self, path: str) -> str | None:
        """``members`` for ``/2/members``, ``/2/members/`` and ``/2/members.json``."""
        name = path.removeprefix("/2/").removesuffix("/").removesuffix(".json")
        return name if path.startswith("/2/") and name in self._profiles else None

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What every answer carries, as one was pasted into an issue of the API's tracker."""
        return (
            ("Server", "Apache-Coyote/1.1"),
            ("X-Meetup-server", "api2.int.meetup.com"),
            *self._window.headers(),
            ("X-OAuth-Scopes", "basic"),
            ("X-Accepted-OAuth-Scopes", "basic"),
        )

    def answer(self, kind: str, request: Request) -> Response:
        """One call."""
        self.calls[kind] += 1
        if not self._authorized(request):
            return problem(401, None)
        if not self._window.call():
            self.throttled += 1
            return problem(429, None, self.headers())
        try:
            call = _read_call(kind, request.query)
        except _Malformed:
            return problem(400, None, self.headers())
        self.asked[kind].update(call.ids)
        return Response(200, (("Content-Type", _JSON), *self.headers()), self._envelope(kind, call, request))

    def _authorized(self, request: Request) -> bool:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        return self._key in (request.query.get("key"), request.query.get("access_token"), bearer)

    def _envelope(self, kind: str, call: _Call, request: Request) -> bytes:
        lines = [line for number in dict.fromkeys(call.ids) if (line := self._profiles[kind].line(number)) is not None]
        lines.sort(key=lambda line: _sort_key(json.loads(line).get(_ORDERS[kind][call.order])), reverse=call.desc)
        first = call.page * call.offset
        page = lines[first : first + call.page]
        if call.only or call.omit:
            page = [_restricted(line, call) for line in page]
        more = first + call.page < len(lines)
        meta = self._meta(kind, call, request, total=len(lines), count=len(page), more=more)
        return b'{"results":[%b],"meta":%b}' % (b",".join(page), meta)

    def _meta(self, kind: str, call: _Call, request: Request, *, total: int, count: int, more: bool) -> bytes:
        link = f"http://{request.host or 'api.meetup.com'}/2/{kind}"
        asked = {"format": "json", "fields": "", **request.query}
        asked |= {"page": str(call.page), "order": call.order, "desc": str(call.desc).lower()}
        if kind == "groups":
            asked.setdefault("radius", "25.0")

        def url(offset: int) -> str:
            values = asked | {"offset": str(offset)}
            return f"{link}?{urlencode([(name, values[name]) for name in java_order(tuple(values))], safe=',')}"

        return encode(
            {
                "next": url(call.offset + 1) if more else "",
                "method": kind.capitalize(),
                "total_count": total,
                "link": link,
                "count": count,
                "description": "None",
                "lon": "None",
                "title": f"Meetup {kind.capitalize()} v2",
                "url": url(call.offset),
                "id": "",
                "updated": int(self._now()) * 1000,
                "lat": "None",
            }
        )


def _read_call(kind: str, query: Mapping[str, str]) -> _Call:
    if not any(query.get(selector) for selector in _SELECTORS[kind]):
        raise _Malformed
    orders = _ORDERS[kind]
    order = query.get("order") or next(iter(orders))
    try:
        ids = [int(number) for number in query.get(_ID_SELECTOR[kind], "").split(",") if number]
        page = int(query.get("page") or PAGE)
        offset = int(query.get("offset") or 0)
    except ValueError:
        raise _Malformed from None
    if order not in orders or page < 1 or offset < 0 or len(ids) > _MOST_IDS:
        raise _Malformed
    return _Call(
        ids=ids,
        page=min(page, PAGE),
        offset=offset,
        order=order,
        desc=query.get("desc") == "true",
        only=_names(query, "only"),
        omit=_names(query, "omit"),
    )


def _names(query: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(filter(None, query.get(name, "").split(",")))


def _sort_key(value: object) -> tuple[bool, float, str]:
    """Numbers by size, texts by letters, what is absent first."""
    if isinstance(value, int | float):
        return (True, value, "")
    return (value is not None, 0.0, str(value or ""))


def _restricted(line: bytes, call: _Call) -> bytes:
    profile: dict[str, Any] = json.loads(line)
    kept = {name for name in profile if name not in call.omit and (not call.only or name in call.only)}
    return encode({name: value for name, value in profile.items() if name in kept})

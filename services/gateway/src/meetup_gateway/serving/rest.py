"""``GET /2/members`` and ``/2/groups``: from the store, groups at need from Meetup; never a 200 that lies.

A member is only known by what named him, and what named him brought the profile: an id that is not in the store is
truthfully absent. A group that is not there is looked up; if that cannot be done now, the answer is 429 or 503.
"""

import asyncio
import hmac
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from meetupkit.integers import INT64
from meetupkit.java_json import encode, java_order

from meetup_gateway.durations import DAY_MS
from meetup_gateway.metrics import Metrics
from meetup_gateway.serving.lookups import Lookups
from meetup_gateway.serving.responses import Headers, Response, problem
from meetup_gateway.storage.profiles import Profiles

KINDS: Final = ("members", "groups")
PAGE: Final = 200
"""Documented as both the default and the most."""
_MOST_IDS: Final = 200
_LIMIT: Final = 30
_WINDOW_SECONDS: Final = 10
"""As one answer of the real API was pasted: 30 calls in 10 seconds. Members cost nothing, so it is never used up."""
_ORDERS: Final = {"members": ("name", "visited", "joined"), "groups": ("id", "location", "name", "members")}


@dataclass(frozen=True, slots=True)
class Call:
    """One call's parameters, read."""

    ids: tuple[int, ...]
    urlnames: tuple[str, ...]
    page: int
    offset: int
    order: str
    desc: bool


class CallError(ValueError):
    """A required parameter is missing, or one cannot be read."""


class Rest:
    """Both kinds. ``now`` is milliseconds since the epoch."""

    def __init__(
        self,
        profiles: Profiles,
        lookups: Lookups | None,
        metrics: Metrics,
        *,
        key: str,
        profile_age: int,
        now: Callable[[], int],
    ) -> None:
        self._profiles = profiles
        self._lookups = lookups
        self._metrics = metrics
        self._key = key.encode()
        self._profile_age = profile_age
        self._now = now

    async def answer(self, kind: str, query: Mapping[str, str], bearer: str, host: str) -> Response:
        """One call."""
        response = await self._answer(kind, query, bearer, host)
        self._metrics.rest.labels(kind, str(response.status)).inc()
        return response

    async def _answer(self, kind: str, query: Mapping[str, str], bearer: str, host: str) -> Response:
        if not self._authorized(query, bearer):
            return problem(401)
        try:
            call = read_call(kind, query)
        except CallError:
            return problem(400, _budget())
        return await asyncio.to_thread(self._members if kind == "members" else self._groups, call, query, host)

    def _authorized(self, query: Mapping[str, str], bearer: str) -> bool:
        given = (query.get("key", ""), query.get("access_token", ""), bearer)
        return any(hmac.compare_digest(each.encode("utf-8", "replace"), self._key) for each in given)

    def _members(self, call: Call, query: Mapping[str, str], host: str) -> Response:
        found = self._profiles.members(call.ids)
        return _page(
            "members", call, query, host, [found[number] for number in call.ids if number in found], self._now()
        )

    def _groups(self, call: Call, query: Mapping[str, str], host: str) -> Response:
        ids = call.ids or tuple(self._profiles.ids_by_urlname(call.urlnames))
        groups = self._read(ids)
        if groups.unknown:
            if self._lookups is None:
                return problem(503, (("retry-after", "60"),))
            wait, failed = self._lookups.read(groups.unknown)
            if failed:
                return problem(503, (("retry-after", str(math.ceil(wait))),))
            if wait:
                return problem(429, (("retry-after", str(math.ceil(wait))), *_budget(0, wait)))
            groups = self._read(ids)
            if groups.unknown:
                return problem(503, (("retry-after", "1"),))
        return _page(
            "groups", call, query, host, [groups.found[number] for number in ids if number in groups.found], self._now()
        )

    def _read(self, ids: Sequence[int]) -> Any:
        now = self._now()
        return self._profiles.groups(ids, now - 2 * self._profile_age, now - DAY_MS)


def kind_at(path: str) -> str | None:
    """``members`` for ``/2/members``, ``/2/members/`` and ``/2/members.json``."""
    name = path.removeprefix("/2/").removesuffix("/").removesuffix(".json")
    return name if path.startswith("/2/") and name in KINDS else None


def read_call(kind: str, query: Mapping[str, str]) -> Call:
    """The parameters; raises ``CallError``."""
    ids = tuple(dict.fromkeys(_id(part) for part in query.get(f"{kind[:-1]}_id", "").split(",") if part))
    urlnames = tuple(filter(None, query.get("group_urlname", "").split(","))) if kind == "groups" else ()
    order = query.get("order") or _ORDERS[kind][0]
    page, offset = _whole(query.get("page"), PAGE), _whole(query.get("offset"), 0)
    if (
        not (ids or urlnames)
        or len(ids) > _MOST_IDS
        or len(urlnames) > _MOST_IDS
        or not page
        or order not in _ORDERS[kind]
    ):
        raise CallError
    known = tuple(number for number in ids if number > 0)
    return Call(known, urlnames, min(page, PAGE), offset, order, query.get("desc") == "true")


def _id(text: str) -> int:
    digits = text.strip().removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 19 or int(digits) >= INT64:
        raise CallError
    return int(text.strip())


def _whole(text: str | None, default: int) -> int:
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise CallError
    return int(text)


def _budget(remaining: int = _LIMIT - 1, reset: float = _WINDOW_SECONDS) -> Headers:
    return (
        ("x-ratelimit-limit", str(_LIMIT)),
        ("x-ratelimit-remaining", str(remaining)),
        ("x-ratelimit-reset", str(math.ceil(reset))),
    )


def _page(kind: str, call: Call, query: Mapping[str, str], host: str, found: list[bytes], now: int) -> Response:
    first = call.page * call.offset
    some = found[first : first + call.page]
    meta = _meta(
        kind, call, query, host, total=len(found), count=len(some), more=first + call.page < len(found), now=now
    )
    return Response(200, b'{"results":[%b],"meta":%b}' % (b",".join(some), meta), _budget())


def _meta(
    kind: str, call: Call, query: Mapping[str, str], host: str, *, total: int, count: int, more: bool, now: int
) -> bytes:
    link = f"http://{host or 'api.meetup.com'}/2/{kind}"
    shown = {name: value for name, value in query.items() if name not in ("key", "access_token", "sig", "sig_id")}
    shown = {"format": "json", "fields": "", **shown, "page": str(call.page), "order": call.order}
    shown["desc"] = str(call.desc).lower()

    def url(offset: int) -> str:
        values = shown | {"offset": str(offset)}
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
            "updated": now // 1000 * 1000,
            "lat": "None",
        }
    )

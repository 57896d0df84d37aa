"""``GET /2/<feed>``: the endless chunked answer, and the JSONP long poll."""

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from meetupkit.feeds import Feed, Path
from meetupkit.java_json import encode

from meetup_simulator.faults import Fault, FaultBook, Kind
from meetup_simulator.http.server import Connection, Request, Response, head
from meetup_simulator.streams.damage import Conversation, Damage
from meetup_simulator.streams.timeline import BATCH_RECORDS, Reader, Timeline, at_path
from meetup_simulator.streams.venue_database import BATCH_RECORDS as TRICKLE_RECORDS
from meetup_simulator.streams.venue_database import VenueDatabase

EVENT_ID_PATHS: Final[Mapping[str, Path]] = {
    "rsvps": ("event", "event_id"),
    "event_comments": ("event", "event_id"),
    "photos": ("photo_album", "event", "id"),
}
"""Where the event of a record is, for the feeds that documented ``event_id``."""
_LONG_POLL_FEEDS: Final = ("rsvps", "event_comments", "photos")
_POLL_ONLY_FILTER: Final = ("photos",)
"""``event_id`` was documented for the photos feed with the long poll only."""
_CALLBACK: Final = re.compile(r"[A-Za-z_$][\w$.]{0,127}\Z", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}\Z", re.ASCII)
_JSON: Final = "application/json; charset=utf-8"


class BadQuery(Exception):
    """A parameter cannot be read; the message says which."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a connection asked for."""

    since_mtime: int | None
    since_count: int | None
    event_ids: frozenset[str]
    trickle: bool
    callback: str | None


def read_query(feed: str, query: Mapping[str, str]) -> Query:
    """The parameters that the feed documented; others are ignored. Raises ``BadQuery``."""
    callback = query.get("callback") if feed in _LONG_POLL_FEEDS else None
    if callback is not None and not _CALLBACK.match(callback):
        raise BadQuery("callback is not the name of a function")
    filters = feed in EVENT_ID_PATHS and (callback is not None or feed not in _POLL_ONLY_FILTER)
    since_mtime, since_count = _number(query, "since_mtime"), _number(query, "since_count")
    if since_mtime is not None and since_count is not None:
        raise BadQuery("since_mtime and since_count cannot be used together")
    return Query(
        since_mtime=since_mtime,
        since_count=since_count,
        event_ids=frozenset(filter(None, query.get("event_id", "").split(","))) if filters else frozenset(),
        trickle=feed == "open_venues" and "trickle" in query,
        callback=callback,
    )


def _number(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    if not _NUMBER.match(query[name]):
        raise BadQuery(f"{name} is not a number")
    return int(query[name])


class Streams:
    """The feeds of one simulator, and the limit on connections that they share."""

    def __init__(
        self,
        timelines: Mapping[str, Timeline],
        venues: VenueDatabase,
        faults: FaultBook,
        *,
        refuse: Callable[[float | None], None],
        per_address: int,
        long_poll_seconds: float,
    ) -> None:
        self._timelines = timelines
        self._venues = venues
        self._faults = faults
        self._refuse = refuse
        self._per_address = per_address
        self._long_poll_seconds = long_poll_seconds
        self.open: Counter[str] = Counter()
        """Open connections by client address."""
        self.opened: Counter[str] = Counter()
        """Streams begun, by feed."""

    async def answer(self, feed: str, request: Request, connection: Connection, fault: Fault | None) -> Response | None:
        """Serve one connection to its end, or say why not. ``fault`` is a stall right after the head."""
        if self.open[connection.peer] >= self._per_address:
            return errors(429, "connection_limit", f"at most {self._per_address} connections from one address")
        self.open[connection.peer] += 1
        try:
            query = read_query(feed, request.query)
            if query.callback is not None:
                return await _while_connected(connection, self._poll(self._timelines[feed], query))
            await _while_connected(connection, self._stream(self._timelines[feed], query, connection, fault))
            connection.close()
        except BadQuery as error:
            return errors(400, "bad_request", str(error))
        finally:
            self.open[connection.peer] -= 1
            if not self.open[connection.peer]:
                del self.open[connection.peer]
        return None

    async def _stream(
        self, timeline: Timeline, query: Query, connection: Connection, fault: Fault | None
    ) -> Response | None:
        self.opened[timeline.feed.name] += 1
        reader = timeline.join(connection.reset)
        leave = partial(timeline.leave, reader)
        conversation = Conversation(connection, Damage(timeline.feed.name, self._faults, self._refuse, leave))
        try:
            waiting = self._selected(timeline, query)
            await connection.send(head(200, stream_headers(connection.peer, self.opened.total())))
            if fault is not None and fault.kind is Kind.STALL:
                await conversation.stall(fault)
            batch = TRICKLE_RECORDS if query.trickle else BATCH_RECORDS
            alive = True
            for start in range(0, len(waiting), batch):
                lines = waiting[start : start + batch]
                alive = alive and await conversation.send(_filtered(timeline.feed, query, lines))
                timeline.moved(reader)
            while alive and (lines := await timeline.take(reader)):
                alive = await conversation.send(_filtered(timeline.feed, query, lines))
            if alive:
                await conversation.rest()
        finally:
            timeline.leave(reader)
        return None

    def _selected(self, timeline: Timeline, query: Query) -> list[bytes]:
        """What a new connection gets before it goes live. ``trickle`` wins over ``since_*``."""
        if query.trickle:
            return self._venues.rows()
        if query.since_mtime is not None:
            return timeline.since_mtime(query.since_mtime)
        if query.since_count is not None:
            return timeline.since_count(query.since_count)
        return []

    async def _poll(self, timeline: Timeline, query: Query) -> Response:
        lines = _filtered(timeline.feed, query, self._selected(timeline, query))
        reader: Reader = timeline.join(lambda: None)
        try:
            async with asyncio.timeout(self._long_poll_seconds):
                while not lines and (published := await timeline.take(reader)):
                    lines = _filtered(timeline.feed, query, published)
        except TimeoutError:
            pass  # documented: an array of no records, and the client asks again
        finally:
            timeline.leave(reader)
        body = b"%b([%b])" % ((query.callback or "").encode(), b",".join(lines))
        return Response(200, (("Content-Type", "text/javascript; charset=utf-8"),), body)


def _filtered(feed: Feed, query: Query, lines: list[bytes]) -> list[bytes]:
    if not query.event_ids:
        return lines
    path = EVENT_ID_PATHS[feed.name]
    return [line for line in lines if at_path(line, path) in query.event_ids]


def stream_headers(peer: str, number: int) -> tuple[tuple[str, str], ...]:
    """The response head as recorded in 2015, after its Date."""
    ray = hashlib.sha256(f"{peer} {number}".encode()).hexdigest()
    cookie = f"__cfduid=d{ray[:42]}; expires=Fri, 31-Dec-27 23:59:59 GMT; path=/; domain=.meetup.com; HttpOnly"
    return (
        ("Content-Type", _JSON),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive"),
        ("Set-Cookie", cookie),
        ("X-Meetup-server", "api2.int.meetup.com"),
        ("Server", "cloudflare-nginx"),
        ("CF-RAY", f"{ray[:16]}-IAD"),
    )


def errors(status: int, code: str, message: str) -> Response:
    """An error of the streams: ``{"errors": ...}`` is the only form a client of theirs looked for."""
    return Response(status, (("Content-Type", _JSON),), encode({"errors": [{"code": code, "message": message}]}))


async def _while_connected(connection: Connection, work: Coroutine[None, None, Response | None]) -> Response | None:
    """Work for as long as the client is there."""
    working = asyncio.create_task(work)
    watching = asyncio.create_task(connection.gone())
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)

"""The simulator: one port, the feeds, the REST API and the admin pages."""

import asyncio
import ipaddress
import logging
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from meetupkit.feeds import FEEDS
from meetupkit.java_json import encode

from meetup_simulator.admin import Admin
from meetup_simulator.faults import FaultBook, Kind
from meetup_simulator.flags import Options
from meetup_simulator.http.listening import ReservedPort
from meetup_simulator.http.server import Connection, HttpServer, Request, Response
from meetup_simulator.made_up.generators import NATURAL_RATES, generated
from meetup_simulator.made_up.generators.clock import Pause
from meetup_simulator.made_up.generators.open_venues import venue_database
from meetup_simulator.made_up.world import World
from meetup_simulator.replay import lines_of
from meetup_simulator.request_faults import Struck, send_half, strike
from meetup_simulator.rest.api import RestApi
from meetup_simulator.rest.profiles import Profiles, Unknown, group_profile, member_profile
from meetup_simulator.streams.answers import Streams, errors
from meetup_simulator.streams.continuation import Continuation
from meetup_simulator.streams.published import PublishedLines
from meetup_simulator.streams.timeline import Timeline, at_path
from meetup_simulator.streams.venue_database import VenueDatabase

_NEWEST: Final = 100
"""Lines in which the latest mtime is looked for: old records are published again among them."""

log = logging.getLogger(__name__)


class Simulator:
    """Built from the options; ``start`` listens and publishes, ``stop`` ends every connection."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pauses: dict[str, Pause] = {}
        self._world = World(options.seed)
        self._reserved = ReservedPort(options.host, options.port)
        self._server = HttpServer(self._reserved, self._handle)
        self._faults = FaultBook(options.seed)
        self._published = {feed: PublishedLines(options.published_bytes) for feed in FEEDS}
        self._kept = Continuation(options.world, seed=options.seed, epoch=options.epoch, backlog=options.backlog)
        self._timelines = {feed: self._timeline(feed) for feed in FEEDS}
        self._rest = RestApi(self._profiles(), key=options.api_key, limit=options.rate_limit)
        self._streams = Streams(
            self._timelines,
            self._venues(),
            self._faults,
            refuse=self._server.refuse,
            per_address=options.connections,
            long_poll_seconds=options.long_poll_seconds,
        )
        self._admin = Admin(
            self._faults,
            self._published,
            self._rest,
            stats=self._stats,
            refuse=self._server.refuse,
            allow=self._server.allow,
            end=self._end,
        )
        self._answered: Counter[tuple[str, str]] = Counter()
        self._paces: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """The port it took."""
        return self._reserved.port

    async def start(self) -> None:
        """Listen; with a rate, publish from now on, or from a feed's first reader on."""
        for feed, pause in self._pauses.items():
            self._timelines[feed].publish(pause.records)
        await self._server.start()
        if self._options.rate:
            self._paces = [asyncio.create_task(self._keep_pace(timeline)) for timeline in self._timelines.values()]

    async def stop(self) -> None:
        """End every connection and free the port."""
        for pace in self._paces:
            pace.cancel()
        await asyncio.gather(*self._paces, return_exceptions=True)
        await self._server.stop()
        self._reserved.close()
        for published in self._published.values():
            published.close()

    def _end(self) -> None:
        for timeline in self._timelines.values():
            timeline.end()

    async def _keep_pace(self, timeline: Timeline) -> None:
        try:
            if self._options.await_reader:
                await timeline.first_reader()
            await timeline.keep_pace()
        except (OSError, ValueError, EOFError, zlib.error):
            log.exception("%s cannot be published any further", timeline.feed.name, extra={"event": "source_failed"})

    def _timeline(self, feed: str) -> Timeline:
        options = self._options
        former = self._kept.lines(feed)
        return Timeline(
            FEEDS[feed],
            self._source(feed, former),
            rate=options.rate,
            backlog=options.backlog,
            published=self._published[feed],
            patience=options.patience,
            former=former,
            keep=partial(self._kept.write, feed),
        )

    def _source(self, feed: str, former: Sequence[bytes]) -> Iterator[bytes]:
        options = self._options
        if feed in options.replays:
            return lines_of(options.replays[feed])
        if options.only_replay:
            return iter(())
        return islice(self._generated(feed, former), options.count)

    def _generated(self, feed: str, former: Sequence[bytes]) -> Iterator[bytes]:
        """Made-up records; where there were some before, those of the pause first, as if it had not been."""
        options = self._options
        if not former:
            return generated(feed, self._world, start=options.epoch, rate=options.rate)
        found = (at_path(line, FEEDS[feed].mtime_path) for line in former[-_NEWEST:])
        last = max((mtime for mtime in found if isinstance(mtime, int)), default=options.epoch)
        start = max(options.epoch, last + 1)
        pace = options.rate or NATURAL_RATES[feed]
        missed = int((start - last) / 1000 * pace) if options.rate else 0
        pause = self._pauses[feed] = Pause(min(missed, options.backlog // 2), last)
        before = int((start - self._kept.epoch) / 1000 * pace) + len(former)
        return generated(feed, self._world, start=start, rate=options.rate, pause=pause, before=before)

    def _venues(self) -> VenueDatabase:
        options = self._options
        replayed = "open_venues" in options.replays or options.only_replay
        rows = () if replayed else map(encode, venue_database(self._world, options.venues, self._kept.epoch))
        venues = VenueDatabase(rows, self._published["open_venues"], keep_versions=replayed)
        venues.put(self._timelines["open_venues"].backlog)
        self._timelines["open_venues"].on_publish = venues.put
        return venues

    def _profiles(self) -> dict[str, Profiles]:
        options, world = self._options, self._world
        unknown = Unknown(options.seed, options.unknown_share, options.unknown_every)
        makers = {"members": member_profile, "groups": group_profile}
        return {
            kind: Profiles(kind, options.profiles[kind], partial(make, world), unknown) for kind, make in makers.items()
        }

    async def _handle(self, request: Request, connection: Connection) -> Response | None:
        if self._admin.serves(request.path):
            if self._options.admin_from_anywhere or _is_loopback(connection.peer):
                return await self._admin.answer(request, connection)
            return errors(404, "not_found", "there is nothing here")
        feed, kind = request.path.removeprefix("/2/"), self._rest.kind_at(request.path)
        if request.method != "GET" or (kind is None and f"/2/{feed}" != request.path) or not (kind or feed in FEEDS):
            return self._count("other", errors(404, "not_found", "there is nothing here"))
        path = f"/2/{kind or feed}"
        fault = self._faults.at_request(path)
        if fault is not None:
            struck = await strike(fault, connection, self._server.refuse, self._rest if kind else None)
            if struck is Struck.DONE:
                self._answered[path, fault.kind] += 1
                return None
            if struck is not Struck.GO_ON:
                return self._count(path, struck)
        if kind is None:
            return self._count(path, await self._streams.answer(feed, request, connection, fault))
        response = self._rest.answer(kind, request)
        self._count(path, response)
        if fault is not None and fault.kind is Kind.CUT:
            await send_half(fault, response, connection)
            return None
        return response

    def _count(self, path: str, response: Response | None) -> Response | None:
        if response is not None:
            self._answered[path, str(response.status)] += 1
        return response

    def _stats(self) -> dict[str, Any]:
        requests: dict[str, Counter[str]] = {}
        for (path, status), times in self._answered.items():
            requests.setdefault(path, Counter())[status] += times
        for feed, times in self._streams.opened.items():
            requests.setdefault(f"/2/{feed}", Counter())["200"] += times
        return {
            "requests": requests,
            "connections": dict(self._streams.open),
            "feeds": {
                feed: {"published": line.published, "ended": line.ended, "readers": line.readers}
                for feed, line in self._timelines.items()
            },
            "calls": dict(self._rest.calls),
            "throttled": self._rest.throttled,
            "ids": {kind: {"asked": asked.total(), "distinct": len(asked)} for kind, asked in self._rest.asked.items()},
        }


def _is_loopback(peer: str) -> bool:
    """Whether the address is this machine's; the empty one is of a client that has left already."""
    return bool(peer) and ipaddress.ip_address(peer).is_loopback

"""What stream and enricher expect of their upstream, of the gateway: the tests are those of the simulator."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from meetup_gateway.observing.changes import Version
from meetup_gateway.storage.log import Appender
from meetup_gateway.translating.records import member_profile, rsvp_record, venue_record
from meetup_testkit.upstream_contract import RestContract, RestUpstream, StartUpstream, StreamContract

from services.gateway.tests.gateway_world import Gateway, Meetup, follow_all
from services.gateway.tests.test_serving import KEY, STILL, Served
from services.gateway.tests.test_translation import EVENT, GROUP, RSVP

_EVENTS = 7


class PublishingGateway:
    """The serving side over a log that somebody else appends to, as the poller does: some rows in each transaction."""

    def __init__(self, folder: Path, *, records: int, rate: int, venues: int) -> None:
        meetup = Meetup(2, STILL, price="H1")
        self._served = Served(Gateway(meetup, folder / "g.db", follow_all(meetup)), heartbeat=0.5)
        self._gateway = self._served.gateway
        self._stopping = threading.Event()
        self._append([self._venue(number) for number in range(venues)])
        self._publisher = threading.Thread(target=self._publish, args=(records, rate))
        self._publisher.start()

    def stream_url(self, feed: str) -> str:
        return f"{self._served.url}/2/{feed}" + ("?trickle" if feed == "open_venues" else "")

    def published(self, feed: str) -> list[bytes]:
        found: list[bytes] = []
        after = 0
        while lines := self._gateway.log.after(feed, after):
            found += [line.body for line in lines]
            after = lines[-1].seq
        return found

    def close(self) -> None:
        self._stopping.set()
        self._publisher.join()
        self._served.close()

    def _publish(self, records: int, rate: int) -> None:
        step = max(1, rate // 20)
        for first in range(0, records, step):
            self._append([self._rsvp(number) for number in range(first, min(first + step, records))])
            if self._stopping.wait(step / rate):
                return

    def _append(self, versions: list[Version]) -> None:
        self._gateway.meetup.seconds += 0.001
        with self._gateway.file.writing() as connection:
            appender = Appender(connection, self._gateway.context.now())
            for version in versions:
                appender.append(version)
        self._served.wakeup.announce()

    def _rsvp(self, number: int) -> Version:
        token = f"event{number % _EVENTS}"
        record = rsvp_record({**RSVP, "id": str(number + 1)}, {**EVENT, "token": token}, GROUP).value
        # Meetup's own times go back and forth, and lie before the moment at which they are learnt.
        mtime = self._gateway.context.now() - (number * 7919) % 90_000
        return Version("rsvps", str(number + 1), record, mtime, event=token)

    def _venue(self, number: int) -> Version:
        record = venue_record({"id": str(number + 1), "name": "Town Hall", "country": "us"}).value
        return Version("open_venues", str(number + 1), record, self._gateway.context.now())


class TestTheGatewaysProfiles(RestContract):
    """Members that an RSVP brought, groups that are looked up at need, ids that Meetup answers null for."""

    @pytest.fixture
    def rest(self, tmp_path: Path) -> Iterator[RestUpstream]:
        meetup = Meetup(2, STILL, price="H1")
        served = Served(Gateway(meetup, tmp_path / "g.db", follow_all(meetup)))
        gateway = served.gateway
        now = gateway.context.now()
        gateway.lease.acquire(now)
        members = tuple(range(501, 508))
        with gateway.state.commit(now) as commit:
            for number in members:
                commit.member(number, member_profile({**RSVP["member"], "id": str(number), "status": "ACTIVE"}).value)
        groups = tuple(int(group.id) for group in meetup.world.groups)
        try:
            yield RestUpstream(served.url, KEY, members, groups, (4711, 4712, 4713))
        finally:
            served.close()


class TestTheGateway(StreamContract):
    @pytest.fixture
    def start_upstream(self, tmp_path: Path) -> Iterator[StartUpstream]:
        with ExitStack() as running:

            def start(*, records: int, rate: int, venues: int = 0) -> PublishingGateway:
                gateway = PublishingGateway(tmp_path, records=records, rate=rate, venues=venues)
                running.callback(gateway.close)
                return gateway

            yield start

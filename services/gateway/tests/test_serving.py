"""The protocol, on the wire: since_mtime that loses nothing, heartbeats, profiles that are never a lie."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meetup_gateway.observing.changes import Version
from meetup_gateway.polling.context import Options
from meetup_gateway.privacy.people import Members
from meetup_gateway.serving.app import App
from meetup_gateway.serving.lookups import Lookups
from meetup_gateway.serving.rest import Rest
from meetup_gateway.serving.streams import Streams
from meetup_gateway.serving.wakeup import Wakeup
from meetup_gateway.storage.database import open_database
from meetup_gateway.storage.log import Appender, Log
from meetup_gateway.storage.profiles import Profiles
from meetup_simulator.graphql_api.living_world import Size
from meetup_testkit.service_process import until
from meetupkit.http.server import HttpServer

from services.gateway.tests.gateway_world import Gateway, Meetup, follow_all

KEY = "a-shared-key"
SECONDS = 60
"""For what must come."""
STILL = Size(groups=3, members=10, events_per_group=2, changes_per_hour=0)


class Served:
    """A gateway whose log and profiles are served on a port."""

    def __init__(self, gateway: Gateway, heartbeat: float = 20.0, most: int = 64) -> None:
        self.gateway = gateway
        self.wakeup = Wakeup()
        streams = Streams(gateway.log, self.wakeup, gateway.metrics, heartbeat=heartbeat, most=most)
        rest = Rest(
            Profiles(gateway.file),
            Lookups(gateway.context),
            gateway.metrics,
            key=KEY,
            profile_age=gateway.options.profile_age,
            now=gateway.context.now,
        )
        self.server = HttpServer(
            App(streams, rest), host="127.0.0.1", port=0, connections=64, idle_seconds=30, drain_seconds=2
        )
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.session = requests.Session()
        self.session.trust_env = False

    def close(self) -> None:
        self.session.close()
        self.wakeup.stop()
        self.server.stop()
        self.server.join(SECONDS)
        self.gateway.close()

    def append(self, number: int, mtime: int, *, event: str = "e", feed: str = "rsvps") -> None:
        with self.gateway.file.writing() as connection:
            appender = Appender(connection, self.gateway.context.now())
            appender.append(Version(feed, str(number), {"rsvp_id": number, "id": number}, mtime, event=event))
        self.wakeup.announce()

    def lines(
        self, path: str, count: int, *, keep_empty: bool = False, then: Callable[[], object] = lambda: None
    ) -> list[bytes]:
        """The first lines of a stream; ``then`` is done when it is open."""
        found: list[bytes] = []
        with self.session.get(self.url + path, stream=True, timeout=SECONDS) as answer:
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
            then()
            if not count:
                return found
            for chunk in answer.raw.stream():
                found += [line for line in chunk.split(b"\n")[:-1] if line or keep_empty]
                if len(found) >= count:
                    break
        return found

    def get(self, path: str, key: str = KEY, **parameters: str) -> requests.Response:
        return self.session.get(self.url + path, params={"key": key, **parameters}, timeout=SECONDS)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    with ExitStack() as running:

        def begin(members: Members = Members.FULL, size: Size = STILL, **arguments: Any) -> Served:
            meetup = Meetup(2, size, price="H1")
            gateway = Gateway(
                meetup, tmp_path / "g.db", follow_all(meetup), members=members, options=Options(floor_seconds=300)
            )
            served = Served(gateway, **arguments)
            running.callback(served.close)
            return served

        yield begin


def test_a_stream_gets_what_is_appended_while_it_is_open(serve: Callable[..., Served]) -> None:
    served = serve()
    found = served.lines("/2/rsvps", 1, then=lambda: served.append(7, 5))
    assert [json.loads(line) for line in found] == [{"mtime": 5, "rsvp_id": 7, "id": 7}]


def test_a_quiet_stream_gets_a_bare_newline(serve: Callable[..., Served]) -> None:
    assert serve(heartbeat=0.1).lines("/2/event_comments", 3, keep_empty=True) == [b"", b"", b""]


def test_since_count_and_event_id_select(serve: Callable[..., Served]) -> None:
    served = serve()
    for number in range(1, 6):
        served.append(number, number, event="a" if number % 2 else "b")
    ids = [json.loads(line)["rsvp_id"] for line in served.lines("/2/rsvps?since_count=2", 2)]
    assert ids == [4, 5]
    ids = [json.loads(line)["rsvp_id"] for line in served.lines("/2/rsvps?since_mtime=0&event_id=b", 2)]
    assert ids == [2, 4]


def test_trickle_is_all_that_is_known_and_then_goes_on(serve: Callable[..., Served]) -> None:
    served = serve()
    for number in (1, 2, 1):
        served.append(number, number, feed="open_venues")
    lines = served.lines("/2/open_venues?trickle", 3, then=lambda: served.append(3, 3, feed="open_venues"))
    assert [json.loads(line)["id"] for line in lines[:3]] == [1, 2, 3]


def test_the_long_poll_answers_an_array(serve: Callable[..., Served]) -> None:
    served = serve()
    served.append(1, 1)
    answer = served.session.get(f"{served.url}/2/rsvps?callback=f&since_mtime=0", timeout=SECONDS)
    assert answer.text.startswith("f([{")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/2/nothing", 404),
        ("/3/rsvps", 404),
        ("/2/rsvps?since_mtime=x", 400),
        ("/2/rsvps?since_mtime=1&since_count=1", 400),
        ("/2/rsvps?callback=(", 400),
        ("/2/rsvps?event_id=" + "x," * 600, 400),
    ],
)
def test_what_is_not_understood_is_an_error_in_the_form_of_the_streams(
    serve: Callable[..., Served], path: str, status: int
) -> None:
    served = serve()
    answer = served.session.get(served.url + path, timeout=SECONDS)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["code"]


def test_more_streams_than_there_may_be_are_refused(serve: Callable[..., Served]) -> None:
    served = serve(most=1)
    with served.session.get(f"{served.url}/2/rsvps", stream=True, timeout=SECONDS) as first:
        assert first.status_code == 200
        assert requests.get(f"{served.url}/2/photos", timeout=SECONDS).status_code == 429


def test_a_cursor_before_the_log_gets_the_last_version_of_everything_besides(serve: Callable[..., Served]) -> None:
    served = serve()
    for number in (1, 2, 3):
        served.append(number, number)
    with served.gateway.file.writing() as connection:
        connection.execute("DELETE FROM log WHERE id IN ('1', '2')")
    ids = [json.loads(line)["rsvp_id"] for line in served.lines("/2/rsvps?since_mtime=0", 3)]
    assert ids == [1, 2, 3]
    assert served.gateway.count("old_cursors_total", feed="rsvps") == 1


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    commits=st.lists(st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=4), min_size=1, max_size=8),
    cut=st.integers(0, 40),
    back=st.lists(st.integers(-50, 50), min_size=8, max_size=8),
)
def test_since_mtime_from_any_prefix_completes_it(
    tmp_path_factory: pytest.TempPathFactory, commits: list[list[int]], cut: int, back: list[int]
) -> None:
    """Whatever the mtimes and however the clock jumps: what a durable prefix lacks is sent."""
    file = open_database(tmp_path_factory.mktemp("log") / "g.db")
    try:
        log, now, number = Log(file), 1_000_000, 0
        for mtimes, jump in zip(commits, back, strict=False):
            now += jump
            with file.writing() as connection:
                appender = Appender(connection, now)
                for offset in mtimes:
                    number += 1
                    appender.append(Version("rsvps", str(number), {"rsvp_id": number}, now + offset))
        records = [json.loads(line.body) for line in log.after("rsvps", 0)]
        prefix = records[: min(cut, len(records))]
        cursor = max((record["mtime"] for record in prefix), default=0)
        rest = [json.loads(line.body) for line in log.after("rsvps", log.since("rsvps", cursor))]
        assert {record["rsvp_id"] for record in prefix + rest} == set(range(1, number + 1))
    finally:
        file.close()


def test_members_come_from_the_store_and_who_was_never_seen_is_absent(serve: Callable[..., Served]) -> None:
    served = serve(size=Size(groups=2, members=10, events_per_group=2, changes_per_hour=30))
    served.gateway.wait(2 * 3600)
    asked = dict(served.gateway.meetup.api.asked)
    known = {str(record["member"]["member_id"]) for each in served.gateway.emitted("rsvps").values() for record in each}
    answer = served.get("/2/members", member_id=",".join([*known, "999"]), page="200")
    body = answer.json()
    assert {str(profile["id"]) for profile in body["results"]} == known
    assert body["meta"]["total_count"] == len(known)
    assert KEY not in answer.text
    assert asked == served.gateway.meetup.api.asked
    assert answer.headers["X-RateLimit-Remaining"] == "29"


def test_pages_lead_to_the_next_one(serve: Callable[..., Served]) -> None:
    served = serve()
    served.gateway.wait(900)
    ids = ",".join(group.id for group in served.gateway.meetup.world.groups)
    first = served.get("/2/groups", group_id=ids, page="2").json()
    assert len(first["results"]) == 2
    assert "offset=1" in first["meta"]["next"]
    last = served.get("/2/groups", group_id=ids, page="2", offset="1").json()
    assert len(last["results"]) == 1
    assert last["meta"]["next"] == ""


def test_a_group_that_nobody_follows_is_looked_up_and_one_that_is_null_is_absent(serve: Callable[..., Served]) -> None:
    served = serve()
    served.gateway.lease.acquire(served.gateway.context.now())
    group = served.gateway.meetup.world.groups[0]
    answer = served.get("/2/groups", group_id=f"{group.id},4711")
    assert [profile["id"] for profile in answer.json()["results"]] == [int(group.id)]
    before = served.gateway.meetup.api.asked["group"]
    served.get("/2/groups", group_id=f"{group.id},4711")
    assert served.gateway.meetup.api.asked["group"] == before


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"points": 1, "price": "H4"}, 429),
        ({"http": "429"}, 429),
        ({"http": "504"}, 503),
        ({"http": "401"}, 503),
        ({"fail_share": 1.0}, 503),
        ({"http": "deprecated"}, 503),
    ],
)
def test_a_group_that_cannot_be_looked_up_is_never_told_absent(
    serve: Callable[..., Served], fault: dict[str, Any], status: int
) -> None:
    served = serve()
    served.gateway.lease.acquire(served.gateway.context.now())
    served.gateway.meetup.api.dials.turn(fault)
    answer = served.get("/2/groups", group_id=served.gateway.meetup.world.groups[0].id)
    assert answer.status_code == status
    assert int(answer.headers["Retry-After"]) >= 1
    if status == 429:
        assert answer.json()["code"] == "throttled"
        assert answer.headers["X-RateLimit-Remaining"] == "0"


def test_calls_without_the_key_or_without_ids_are_refused_as_before(serve: Callable[..., Served]) -> None:
    served = serve()
    assert served.get("/2/members", key="another", member_id="1").json()["code"] == "not_authorized"
    assert served.get("/2/members").json()["code"] == "bad_request"
    assert served.get("/2/members", member_id="x").status_code == 400
    assert served.get("/2/members", member_id=",".join(map(str, range(1, 300)))).status_code == 400
    headers = {"Authorization": f"Bearer {KEY}"}
    assert requests.get(f"{served.url}/2/members?member_id=1", headers=headers, timeout=SECONDS).status_code == 200


def test_streams_end_properly_when_the_service_stops(serve: Callable[..., Served]) -> None:
    served = serve()
    with served.session.get(f"{served.url}/2/rsvps", stream=True, timeout=SECONDS) as answer:
        served.wakeup.stop()
        assert b"".join(answer.raw.stream()) == b"", "it ends, and before the first newline of a quiet stream"


def test_a_client_that_leaves_gives_its_place_back_at_the_next_newline(serve: Callable[..., Served]) -> None:
    served = serve(heartbeat=0.1)
    with served.session.get(f"{served.url}/2/rsvps", stream=True, timeout=SECONDS):
        assert served.gateway.count("streams", feed="rsvps") == 1
    served.session.close()
    until(lambda: not served.gateway.count("streams", feed="rsvps"), "its place")

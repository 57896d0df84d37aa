"""The whole chain by addresses alone: today's API -> gateway -> streams -> objects; ids -> enricher -> documents."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from meetup_testkit.graphql_plugin import StartLivingMeetup
from meetup_testkit.graphql_process import GraphqlProcess
from meetup_testkit.service_process import ServiceProcess, until
from meetupkit.archive import read_feed
from meetupkit.stores import open_documents, open_objects

from services.gateway.tests.gateway_process import KEY, environ_of, running

pytestmark = pytest.mark.timeout(400)  # eight processes start, and a machine may be busy
RESPONSES = {"YES": "yes", "NO": "no"}


def stream_of(folder: Path, gateway: ServiceProcess, feed: str, enricher: str = "", **settings: str) -> ServiceProcess:
    environ = {
        "STREAM_FEED": feed,
        "STREAM_URL": f"{gateway.url}/2/{feed}" + ("?trickle" if feed == "open_venues" else ""),
        "STREAM_OBJECTS": f"file://{folder}/objects",
        "STREAM_ENRICHER_URL": enricher,
        "STREAM_PORT": "0",
        **settings,
    }
    return ServiceProcess("meetup_stream", environ, folder / f"{feed}.log")


def enricher_of(folder: Path, gateway: ServiceProcess) -> ServiceProcess:
    environ = {
        "ENRICHER_API_URL": gateway.url,
        "ENRICHER_API_KEY": KEY,
        "ENRICHER_DOCUMENTS": f"sqlite:///{folder}/documents.db",
        "ENRICHER_PORT": "0",
        "ENRICHER_LINGER_SECONDS": "0.2",
    }
    return ServiceProcess("meetup_enricher", environ, folder / "enricher.log")


def stored(folder: Path, feed: str) -> list[dict[str, Any]]:
    store = open_objects(f"file://{folder}/objects")
    try:
        return [json.loads(line) for line in read_feed(store, feed)]
    finally:
        store.close()


def wait_stored(folder: Path, feed: str, count: float) -> None:
    until(lambda: len(stored(folder, feed)) >= count, f"{count} of {feed}")


def last_responses(folder: Path) -> dict[str, str]:
    found: dict[str, tuple[int, str]] = {}
    for record in stored(folder, "rsvps"):
        number, mtime = str(record["rsvp_id"]), int(str(record["mtime"]))
        if mtime >= found.get(number, (0, ""))[0]:
            found[number] = (mtime, str(record["response"]))
    return {number: response for number, (_, response) in found.items()}


def world_responses(meetup: GraphqlProcess) -> dict[str, str]:
    events = {line["id"]: line["state"] for line in meetup.history("open_events")}
    return {
        line["id"]: RESPONSES[line["state"]["status"]]
        for line in meetup.history("rsvps")
        if events[line["event"]] is not None and line["state"]["status"] in RESPONSES
    }


FEEDS = ("rsvps", "open_events", "open_venues", "photos", "event_comments")


@contextmanager
def five_streams(
    folder: Path, gateway: ServiceProcess, enricher: str = "", **settings: str
) -> Iterator[list[ServiceProcess]]:
    """A stream for each feed; all are ready."""
    with ExitStack() as running:
        streams = [running.enter_context(stream_of(folder, gateway, feed, enricher, **settings)) for feed in FEEDS]
        for stream in streams:
            stream.wait_ready()
        yield streams


def test_records_and_profiles_of_todays_meetup_arrive_by_addresses_alone(
    tmp_path: Path, living_meetup: StartLivingMeetup
) -> None:
    meetup = living_meetup("--speed", "0", "--changes-per-hour", "60", "--groups", "3")
    meetup.turn(price="H1")
    (tmp_path / "objects").mkdir()
    with (
        running(tmp_path, environ_of(tmp_path, meetup, photos="true")) as gateway,
        enricher_of(tmp_path, gateway.wait_ready()) as enricher,
        five_streams(tmp_path, gateway, enricher.url) as streams,
    ):
        meetup.advance(1800)
        wanted = world_responses(meetup)
        assert wanted
        until(lambda: wanted.items() <= last_responses(tmp_path).items(), "every answer of the world")
        tokens = {line["id"] for line in meetup.history("open_events") if line["state"] is not None}
        until(lambda: tokens <= {str(record["id"]) for record in stored(tmp_path, "open_events")}, "every event")
        for feed in ("open_venues", "photos"):
            told = gateway.metric("meetup_gateway_records_total", feed=feed)
            assert told
            wait_stored(tmp_path, feed, told)
        assert not stored(tmp_path, "event_comments")
        members = {str(record["member"]["member_id"]) for record in stored(tmp_path, "rsvps")}
        documents = open_documents(f"sqlite:///{tmp_path}/documents.db")
        try:
            until(
                lambda: len(documents.get("members", [f"m{number}" for number in members])) == len(members), "profiles"
            )
            until(lambda: documents.count("groups") == 3, "the groups' profiles")
            assert documents.count("members_missing") == 0
        finally:
            documents.close()
        assert gateway.metric("meetup_gateway_quarantined_total") == 0
        for process in (*streams, enricher, gateway):
            assert process.stop() == 0


def test_an_unchanged_world_makes_no_record_and_quiet_feeds_no_reconnect(
    tmp_path: Path, living_meetup: StartLivingMeetup
) -> None:
    """That newlines alone keep a stream for longer than its read timeout is shown in ``test_upstream.py``."""
    meetup = living_meetup("--speed", "0", "--changes-per-hour", "0", "--groups", "2")
    meetup.turn(price="H1")
    (tmp_path / "objects").mkdir()
    settings = {"heartbeat_seconds": "0.2", "count_seconds": "0", "photos": "true"}
    with (
        running(tmp_path, environ_of(tmp_path, meetup, **settings)) as gateway,
        five_streams(tmp_path, gateway.wait_ready()) as streams,
    ):
        until(lambda: len(stored(tmp_path, "open_events")) == 6, "the events")
        until(lambda: len(stored(tmp_path, "open_venues")) == 3, "the groups' venues")
        appended = gateway.metric("meetup_gateway_records_total")
        until(lambda: sum(len(stored(tmp_path, feed)) for feed in FEEDS) == appended, "all that is told")
        last = [stream.metric("meetup_stream_last_record_timestamp_seconds") for stream in streams]
        before = meetup.stats()["asked"]["proNetwork"]
        with requests.get(f"{gateway.url}/2/event_comments", stream=True, timeout=60) as beside:
            until(lambda: meetup.stats()["asked"]["proNetwork"] >= before + 5, "five more sweeps")
            assert beside.raw.read(20) == b"\n" * 20
        assert gateway.metric("meetup_gateway_records_total") == appended
        assert [stream.metric("meetup_stream_connects_total") for stream in streams] == [1] * 5
        assert [stream.metric("meetup_stream_last_record_timestamp_seconds") for stream in streams] == last
        assert sum(len(stored(tmp_path, feed)) for feed in FEEDS) == appended

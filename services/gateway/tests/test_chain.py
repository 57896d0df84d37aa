"""The whole chain by addresses alone: today's API -> gateway -> streams -> objects; ids -> enricher -> documents."""

import json
from pathlib import Path
from typing import Any

from meetup_testkit.graphql_plugin import StartLivingMeetup
from meetup_testkit.graphql_process import GraphqlProcess
from meetup_testkit.service_process import ServiceProcess, until
from meetupkit.archive import read_feed
from meetupkit.stores import open_documents, open_objects

from services.gateway.tests.gateway_process import KEY, environ_of, running

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


def test_records_and_profiles_of_todays_meetup_arrive_by_addresses_alone(
    tmp_path: Path, living_meetup: StartLivingMeetup
) -> None:
    meetup = living_meetup("--speed", "0", "--changes-per-hour", "60", "--groups", "3")
    meetup.turn(price="H1")
    (tmp_path / "objects").mkdir()
    with (
        running(tmp_path, environ_of(tmp_path, meetup)) as gateway,
        enricher_of(tmp_path, gateway.wait_ready()) as enricher,
        stream_of(tmp_path, gateway, "rsvps", enricher.url) as rsvps,
        stream_of(tmp_path, gateway, "open_events", enricher.url) as events,
        stream_of(tmp_path, gateway, "open_venues", enricher.url) as venues,
    ):
        for stream in (rsvps, events, venues):
            stream.wait_ready()
        meetup.advance(1800)
        wanted = world_responses(meetup)
        assert wanted
        until(lambda: wanted.items() <= last_responses(tmp_path).items(), "every answer of the world")
        tokens = {line["id"] for line in meetup.history("open_events") if line["state"] is not None}
        until(lambda: tokens <= {str(record["id"]) for record in stored(tmp_path, "open_events")}, "every event")
        until(lambda: bool(stored(tmp_path, "open_venues")), "venues")
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
        for process in (rsvps, events, venues, enricher, gateway):
            assert process.stop() == 0


def test_an_unchanged_world_makes_no_record_and_a_quiet_feed_no_reconnect(
    tmp_path: Path, living_meetup: StartLivingMeetup
) -> None:
    meetup = living_meetup("--speed", "0", "--changes-per-hour", "0", "--groups", "2")
    meetup.turn(price="H1")
    (tmp_path / "objects").mkdir()
    settings = {"heartbeat_seconds": "0.2", "count_seconds": "0"}
    with (
        running(tmp_path, environ_of(tmp_path, meetup, **settings)) as gateway,
        stream_of(tmp_path, gateway.wait_ready(), "open_events") as events,
    ):
        events.wait_ready()
        until(lambda: len(stored(tmp_path, "open_events")) == 6, "the events")
        appended = gateway.metric("meetup_gateway_records_total")
        before = meetup.stats()["asked"]["proNetwork"]
        until(lambda: meetup.stats()["asked"]["proNetwork"] >= before + 5, "five more sweeps")
        assert gateway.metric("meetup_gateway_records_total") == appended
        assert events.metric("meetup_stream_connects_total") == 1
        assert len(stored(tmp_path, "open_events")) == 6

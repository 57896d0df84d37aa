"""Killed at each failpoint, or doubled: nothing is lost, nothing is told twice, and one process polls."""

import json
from pathlib import Path

import pytest
from meetup_gateway.failpoints import Failpoint
from meetup_gateway.storage.database import open_database
from meetup_gateway.storage.log import Log
from meetup_testkit.graphql_plugin import StartLivingMeetup
from meetup_testkit.graphql_process import GraphqlProcess
from meetup_testkit.service_process import until
from meetupkit.stores.sqlite_file import SqliteFile

from services.gateway.tests.gateway_process import environ_of, killed_at, running

pytestmark = pytest.mark.faults

RESPONSES = {"YES": "yes", "NO": "no"}


def log_of(folder: Path, feed: str) -> list[dict[str, object]]:
    file: SqliteFile = open_database(folder / "gateway.db")
    try:
        log, found, after = Log(file), list[dict[str, object]](), 0
        while lines := log.after(feed, after):
            found += [json.loads(line.body) for line in lines]
            after = lines[-1].seq
        return found
    finally:
        file.close()


def told(folder: Path) -> set[tuple[str, str, int]]:
    return {(str(each["rsvp_id"]), str(each["response"]), int(str(each["guests"]))) for each in log_of(folder, "rsvps")}


def wanted(meetup: GraphqlProcess) -> set[tuple[str, str, int]]:
    """The last state of each answer that is told."""
    last = {line["id"]: line["state"] for line in meetup.history("rsvps")}
    states = {line["id"]: line["state"] for line in meetup.history("open_events")}
    # What was called off before it was seen is on no network's list, and neither are its answers.
    alive = {token: state is not None and state["status"] == "ACTIVE" for token, state in states.items()}
    events = {line["id"]: line["event"] for line in meetup.history("rsvps")}
    return {
        (number, RESPONSES[state["status"]], state["guests"])
        for number, state in last.items()
        if state["status"] in RESPONSES and alive[events[number]]
    }


def assert_once(folder: Path, meetup: GraphqlProcess) -> None:
    until(lambda: wanted(meetup) <= told(folder), "every answer of the world")
    lines = [json.dumps(each, sort_keys=True) for each in log_of(folder, "rsvps")]
    assert len(lines) == len(set(lines)), "an answer is told twice"
    events = [json.dumps(each, sort_keys=True) for each in log_of(folder, "open_events")]
    assert len(events) == len(set(events)), "an event is told twice"


@pytest.mark.parametrize(("failpoint", "times"), [(Failpoint.ANSWER_READ, 4), (Failpoint.VERSIONS_COMMITTED, 3)])
def test_a_kill_at_any_moment_of_polling_loses_nothing_and_tells_nothing_twice(
    tmp_path: Path, living_meetup: StartLivingMeetup, failpoint: Failpoint, times: int
) -> None:
    meetup = living_meetup("--speed", "0", "--changes-per-hour", "3600", "--groups", "2")
    meetup.turn(price="H1")
    meetup.advance(60)
    environ = environ_of(tmp_path, meetup)
    with killed_at(failpoint, times, tmp_path, environ):
        pass
    meetup.advance(20)
    with running(tmp_path, environ) as gateway:
        gateway.wait_ready()
        assert_once(tmp_path, meetup)


def test_a_kill_after_lines_were_sent_sends_them_again_and_appends_none(
    tmp_path: Path, living_meetup: StartLivingMeetup
) -> None:
    meetup = living_meetup("--speed", "0", "--changes-per-hour", "3600", "--groups", "2")
    meetup.turn(price="H1")
    meetup.advance(60)
    environ = environ_of(tmp_path, meetup)
    with killed_at(Failpoint.LINES_SENT, 1, tmp_path, environ) as process:
        until(lambda: bool(log_of(tmp_path, "rsvps")), "answers in the log")
        with pytest.raises(Exception, match=r"."):  # whichever way the client learns of it
            process.get("/2/rsvps?since_mtime=0").raise_for_status()
    with running(tmp_path, environ):
        assert_once(tmp_path, meetup)


def test_a_second_gateway_on_the_same_file_serves_and_polls_only_when_the_first_is_gone(
    tmp_path: Path, living_meetup: StartLivingMeetup
) -> None:
    meetup = living_meetup("--speed", "0", "--changes-per-hour", "0", "--groups", "2")
    meetup.turn(price="H1")
    environ = environ_of(tmp_path, meetup)
    with running(tmp_path, environ) as first, running(tmp_path, environ, name="second") as second:
        until(
            lambda: first.metric("meetup_gateway_polling") + second.metric("meetup_gateway_polling") == 1, "one poller"
        )
        until(lambda: len(log_of(tmp_path, "open_events")) == 6, "the events")
        polling, waiting = (first, second) if first.metric("meetup_gateway_polling") else (second, first)
        assert waiting.get("/2/members?member_id=5&key=a-shared-key").status_code == 200
        assert polling.stop() == 0
        until(lambda: waiting.metric("meetup_gateway_polling") == 1, "the other to poll")
    assert len(log_of(tmp_path, "open_events")) == 6


def test_a_revoked_key_is_not_ready_in_words_and_in_no_log(tmp_path: Path, living_meetup: StartLivingMeetup) -> None:
    meetup = living_meetup("--speed", "0")
    environ = environ_of(tmp_path, meetup, member_id="1")
    with running(tmp_path, environ) as gateway:
        until(lambda: "Pro subscription" in gateway.get("/readyz").text, "the refusal in words")
        assert gateway.get("/readyz").status_code == 503
        assert gateway.get("/livez").status_code == 200
        log = gateway.log.read_text()
        key = meetup.key_file.read_text().splitlines()[1]
        assert key not in log
        assert "a-shared-key" not in log
        assert "Traceback" not in log

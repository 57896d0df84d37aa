"""The refresh flow as a process: each token is used once, and a kill beside a new one loses no session."""

from pathlib import Path

import pytest
from meetup_gateway.failpoints import Failpoint
from meetup_testkit.graphql_plugin import StartLivingMeetup
from meetup_testkit.graphql_process import GraphqlProcess
from meetup_testkit.service_process import until

from services.gateway.tests.gateway_process import environ_of, killed_at, running


def session_of(folder: Path, meetup: GraphqlProcess, **settings: str) -> dict[str, str]:
    """The variables of a client that refreshes."""
    jwt = ("GATEWAY_SIGNING_KEY_FILE", "GATEWAY_SIGNING_KEY_ID", "GATEWAY_MEMBER_ID")
    environ = {name: value for name, value in environ_of(folder, meetup).items() if name not in jwt}
    return environ | {
        "GATEWAY_CLIENT_SECRET": "client-secret",
        "GATEWAY_REFRESH_TOKEN": "first-refresh-token",
        **{f"GATEWAY_{name.upper()}": value for name, value in settings.items()},
    }


def still(living_meetup: StartLivingMeetup, folder: Path) -> tuple[GraphqlProcess, dict[str, str]]:
    """A world in which nothing happens, and the variables of a client that refreshes there."""
    meetup = living_meetup("--speed", "0", "--changes-per-hour", "0", "--groups", "2")
    meetup.turn(price="H1")
    return meetup, session_of(folder, meetup)


def until_swept(meetup: GraphqlProcess) -> None:
    """Return when the network was read twice from now on: the second time with a token of this moment."""
    before = meetup.stats()["asked"].get("proNetwork", 0)
    until(lambda: meetup.stats()["asked"].get("proNetwork", 0) > before + 1, "sweeps with the next token")


@pytest.mark.faults
def test_a_kill_between_receiving_and_keeping_ends_the_session_in_words_until_a_new_token_is_set(
    tmp_path: Path, living_meetup: StartLivingMeetup
) -> None:
    meetup, environ = still(living_meetup, tmp_path)
    with killed_at(Failpoint.SESSION_RECEIVED, 1, tmp_path, environ):
        pass
    with running(tmp_path, environ) as gateway:
        until(lambda: "set GATEWAY_REFRESH_TOKEN to a new one" in gateway.get("/readyz").text, "advice")
    renewed = session_of(tmp_path, meetup, refresh_token=meetup.new_session())
    for _ in range(2):  # and a restart goes on with what is kept
        with running(tmp_path, renewed) as gateway:
            gateway.wait_ready()
            until(lambda: gateway.metric("meetup_gateway_api_up") == 1, "an answer")
            until(lambda: gateway.metric("meetup_gateway_polling") == 1, "polling")


@pytest.mark.faults
def test_a_kill_between_keeping_and_using_a_refresh_token_loses_no_session(
    tmp_path: Path, living_meetup: StartLivingMeetup
) -> None:
    meetup, environ = still(living_meetup, tmp_path)
    with killed_at(Failpoint.SESSION_KEPT, 2, tmp_path, environ):
        until(lambda: meetup.stats()["asked"].get("proNetwork"), "a sweep with the first token")
        meetup.expire_tokens()
    with running(tmp_path, environ) as gateway:
        until_swept(meetup)  # the events may have been told before the kill
        meetup.expire_tokens()
        until_swept(meetup)
        assert gateway.metric("meetup_gateway_api_refused") == 0
    log = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert "refresh-token" not in log
    assert "client-secret" not in log

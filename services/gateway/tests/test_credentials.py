"""Tokens: one renewal at a time, refresh tokens that are used once, and refusals in words without the key."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from meetup_gateway.source.credentials import (
    Credentials,
    CredentialsRefused,
    RefreshSession,
    SigningKey,
)
from meetup_gateway.source.credentials import RefreshTokens as KeepsTokens
from meetup_gateway.source.private_key import read_private_key
from meetup_gateway.storage.database import open_database
from meetup_gateway.storage.meta import Meta
from meetup_gateway.storage.session import RefreshTokens
from meetup_simulator.graphql_api.api import TOKEN_PATH
from meetupkit.errors import UpstreamUnavailable
from meetupkit.http.client import Answer, NoAnswer

from services.gateway.tests.gateway_world import PRIVATE_KEY, PUBLIC_KEY, Meetup

KEY = SigningKey("client-key", "100000007", "signing-key", PRIVATE_KEY)
SESSION = RefreshSession("client-key", "client-secret", "first-refresh-token")


class Kept:
    """Where a refresh token is kept, in this process."""

    def __init__(self) -> None:
        self.token: str | None = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield

    def load(self, first: str) -> str:
        return self.token or first

    def save(self, first: str, token: str) -> None:
        self.token = token


def credentials(meetup: Any, grant: SigningKey | RefreshSession, kept: KeepsTokens | None = None) -> Credentials:
    return Credentials(grant, url=TOKEN_PATH, exchange=meetup, tokens=kept or Kept(), now=meetup.now)


def test_a_token_is_kept_until_most_of_its_time_is_over() -> None:
    meetup = Meetup()
    tokens = credentials(meetup, KEY)
    first = tokens.token()
    assert tokens.token() == first
    meetup.seconds += 0.75 * 3600
    assert tokens.token() == first
    meetup.seconds += 0.1 * 3600
    assert tokens.token() != first


def test_a_token_that_was_refused_is_renewed_once() -> None:
    meetup = Meetup()
    tokens = credentials(meetup, KEY)
    first = tokens.token()
    tokens.refused("another that was renewed already")
    assert tokens.token() == first
    tokens.refused(first)
    assert tokens.token() != first


def test_the_assertion_says_who_for_whom_and_for_how_long() -> None:
    meetup = Meetup()
    claims = jwt.decode(
        credentials(meetup, KEY)._assertion_form(KEY)["assertion"],
        PUBLIC_KEY,
        algorithms=["RS256"],
        audience="api.meetup.com",
        options={"verify_exp": False, "verify_iat": False},
    )
    now = int(meetup.now())
    assert (claims["iss"], claims["sub"], claims["iat"], claims["exp"]) == (
        "client-key",
        "100000007",
        now - 5,
        now + 120,
    )


def test_each_refresh_token_is_kept_before_it_is_used_and_used_once() -> None:
    meetup, kept = Meetup(), Kept()
    tokens = credentials(meetup, SESSION, kept)
    for _ in range(3):
        tokens.refused(tokens.token())
    assert kept.token
    again = credentials(meetup, SESSION, kept)  # after a restart
    assert again.token()
    assert meetup.api.tokens.issued == 4


@contextmanager
def kept_in(folder: Path) -> Iterator[RefreshTokens]:
    file = open_database(folder / "g.db")
    try:
        yield RefreshTokens(Meta(file))
    finally:
        file.close()


def test_a_kept_refresh_token_outlives_a_restart(tmp_path: Path) -> None:
    for token in ("second", "third"):
        with kept_in(tmp_path) as tokens:
            tokens.save("first", token)
    with kept_in(tmp_path) as tokens:
        assert tokens.load("first") == "third"


def test_a_session_that_the_operator_began_anew_is_used_and_outlives_a_restart(tmp_path: Path) -> None:
    meetup = Meetup()
    with kept_in(tmp_path) as tokens:
        credentials(meetup, SESSION, tokens).token()
    meetup.api.tokens.access(
        b"grant_type=refresh_token&client_id=client-key&client_secret=client-secret&refresh_token=first-refresh-token",
        0,
    )  # somebody else used it: the session is over
    with kept_in(tmp_path) as tokens, pytest.raises(CredentialsRefused, match="set GATEWAY_REFRESH_TOKEN to a new one"):
        credentials(meetup, SESSION, tokens).token()
    again = replace(SESSION, first_token=meetup.api.tokens.new_session())
    for _ in range(2):
        with kept_in(tmp_path) as tokens:
            session = credentials(meetup, again, tokens)
            session.refused(session.token())
            assert session.token()


def test_a_token_that_was_kept_without_its_beginning_is_still_used(tmp_path: Path) -> None:
    with kept_in(tmp_path) as tokens:
        tokens._meta.put("refresh_token", "of the version before")
        assert tokens.load("first") == "of the version before"
        tokens.save("first", "next")
        assert (tokens.load("first"), tokens.load("another")) == ("next", "another")


@pytest.mark.parametrize("value", [None, "", 5, ["x"], {"a": 1}, True])
def test_an_answer_without_another_refresh_token_keeps_the_one_that_is_there(tmp_path: Path, value: object) -> None:
    answers = Answers(200, json.dumps({"access_token": "t", "refresh_token": value}).encode())
    with kept_in(tmp_path) as tokens:
        tokens.save("first-refresh-token", "kept")
        assert credentials(answers, SESSION, tokens).token() == "t"
        assert tokens.load("first-refresh-token") == "kept"


def test_two_processes_on_one_file_use_no_refresh_token_twice(tmp_path: Path) -> None:
    meetup, failures = Meetup(), list[BaseException]()

    def renew() -> None:
        try:
            with kept_in(tmp_path) as tokens:
                for _ in range(5):
                    session = credentials(meetup, SESSION, tokens)
                    session.refused(session.token())
        except BaseException as error:  # noqa: BLE001  (told by the test)
            failures.append(error)

    threads = [threading.Thread(target=renew) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert meetup.api.tokens.issued == 20


def test_a_wrong_key_is_refused_in_words_without_the_key() -> None:
    meetup = Meetup()
    with pytest.raises(CredentialsRefused) as raised:
        credentials(meetup, SigningKey("client-key", "100000007", "another", PRIVATE_KEY)).token()
    assert "check the Pro subscription" in str(raised.value)
    assert PRIVATE_KEY.splitlines()[1] not in str(raised.value)


def test_a_clock_that_is_wrong_is_named() -> None:
    meetup = Meetup(clock_skew_seconds=7200.0)
    with pytest.raises(CredentialsRefused, match=r"clock is \+7200 s"):
        credentials(meetup, SigningKey("client-key", "100000007", "another", PRIVATE_KEY)).token()


class Answers:
    """A token endpoint that answers so."""

    def __init__(self, status: int, body: bytes | None) -> None:
        self._answer = None if body is None else Answer(status, "", {}, body)

    def now(self) -> float:
        return 1_795_000_000.0

    def __call__(self, method: str, url: str, **_: Any) -> Answer:
        if self._answer is None:
            raise NoAnswer("no answer (ConnectionRefusedError)")
        return self._answer


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, json.dumps({"access_token": 5}).encode(), UpstreamUnavailable),
        (200, b"", UpstreamUnavailable),
        (200, b"[" * 10_000, UpstreamUnavailable),
        (503, b"<html>", UpstreamUnavailable),
        (429, b"", UpstreamUnavailable),
        (0, None, UpstreamUnavailable),
        (400, b'{"error": "invalid_grant\\u001b[31m"}', CredentialsRefused),
        (401, b"", CredentialsRefused),
        (404, b"<html>", CredentialsRefused),
    ],
)
def test_every_other_answer_is_an_outage_or_a_refusal(status: int, body: bytes | None, kind: type[Exception]) -> None:
    with pytest.raises(kind) as raised:
        credentials(Answers(status, body), KEY).token()
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize("expires", [None, -5, "soon", 0, 10**12, True])
def test_a_time_of_expiry_that_makes_no_sense_is_bounded(expires: Any) -> None:
    answers = Answers(200, json.dumps({"access_token": "t", "expires_in": expires}).encode())
    assert credentials(answers, KEY).token() == "t"


@pytest.mark.parametrize(
    "text", ["", "key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", PUBLIC_KEY]
)
def test_what_is_no_private_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match="must be a private RSA key in PEM") as raised:
        read_private_key(text)
    assert "AAAA" not in str(raised.value)


class Answering:
    """A token endpoint that always answers so."""

    def __init__(self, status: int, answer: Any) -> None:
        self.status, self.body = status, answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.seconds = self.asked = 0

    def now(self) -> float:
        return 1_795_000_000.0 + self.seconds

    def __call__(self, *_: Any, **__: Any) -> Answer:
        self.asked += 1
        return Answer(self.status, "Bad", {}, self.body)


@pytest.mark.parametrize(
    ("expires", "seconds"),
    [
        (None, 3600),
        ("3600", 3600),
        ("soon", 3600),
        (10**400, 3600),
        (float("nan"), 3600),
        (-5, 60),
        (0, 60),
        (1e12, 86_400),
    ],
)
def test_whatever_a_token_says_of_its_end_it_is_renewed_within_a_day(expires: Any, seconds: int) -> None:
    endpoint = Answering(200, {"access_token": "t", "expires_in": expires})
    tokens = credentials(endpoint, KEY)
    tokens.token()
    endpoint.seconds = int(seconds * 0.8) - 1
    tokens.token()
    assert endpoint.asked == 1
    endpoint.seconds += 2
    tokens.token()
    assert endpoint.asked == 2


@pytest.mark.parametrize("token", ["", "a b", "a\nX-Other: b", "caf\u00e9", "\ud83d", None, 5, ["t"]])
def test_what_cannot_stand_in_a_header_is_no_token(token: Any) -> None:
    with pytest.raises(UpstreamUnavailable, match="without a token"):
        credentials(Answering(200, {"access_token": token}), KEY).token()


def test_a_secret_that_the_endpoint_repeats_is_not_told() -> None:
    said = {"error_description": "no such token: first-refresh-token of client-secret"}
    with pytest.raises(CredentialsRefused) as refused:
        credentials(Answering(400, said), SESSION).token()
    assert "first-refresh-token" not in str(refused.value)
    assert "client-secret" not in str(refused.value)

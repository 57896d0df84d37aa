"""Whatever Slack's address answers, and however slowly: one answer in time to the sender, and one message."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from meetup_testkit.slack_plugin import SlackStandIn
from raw_server import RawServer, http
from webhook_running import InProcess, firing, group

pytestmark = pytest.mark.faults

StartWebhook = Callable[..., InProcess]
_LONGEST_SECONDS: Final = 25.0
"""Far beyond the time-out and its tries, and far below what the slow answers take."""
_TIMEOUT: Final = {"SLACK_TIMEOUT_SECONDS": "3"}
"""Enough for a busy machine to see the beginning of an answer; each slow one takes all of it."""


@pytest.fixture
def raw_slack() -> Iterator[Callable[..., RawServer]]:
    started: list[RawServer] = []

    def start(answer: bytes, *, drip_from: int | None = None, close: bool = True) -> RawServer:
        started.append(RawServer(answer, drip_from=drip_from, close=close))
        return started[-1]

    yield start
    for each in started:
        each.close()


OK: Final = json.dumps({"ok": True, "channel": "C0", "ts": "1.2", "message": {"text": "x" * 2_000}}).encode()
ACCEPTED_SLOWLY: Final = {
    "body dripped": (http(OK), len(http(OK)) - len(OK) + 20),
    "body dripped from its first byte": (http(OK, b"A: b"), len(http(OK, b"A: b")) - len(OK)),
    "body never whole": (http(OK[:-1], b"Content-Length: 9999", length=False), None),
    "chunk never whole": (http(b"FFF\r\n" + OK[:-1], b"Transfer-Encoding: chunked", length=False), None),
    "chunks dripped": (
        http(b"%x\r\n" % len(OK) + OK + b"\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", length=False),
        80,
    ),
}
UNKNOWN: Final = {
    "status line dripped": (http(OK, status=b"200 " + b"O" * 3_000), 0),
    "headers dripped": (http(OK, b"A: " + b"b" * 3_000), 20),
    "headers without end": (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 3_000, 20),
    "interim answers without end": (b"HTTP/1.1 100 Continue\r\n\r\n" * 3_000, 20),
    "nothing": (b"", None),
}


@pytest.mark.parametrize("by", ["webhook", "token"])
@pytest.mark.parametrize("name", ACCEPTED_SLOWLY)
def test_a_message_that_slack_took_is_sent_once_however_slowly_its_answer_comes(
    slack: SlackStandIn, start_webhook: StartWebhook, raw_slack: Callable[..., RawServer], name: str, by: str
) -> None:
    answer, drip_from = ACCEPTED_SLOWLY[name]
    raw = raw_slack(answer, drip_from=drip_from, close=False)
    webhook = start_webhook(slack, **_TIMEOUT, **address(raw, by))
    began = time.monotonic()
    assert webhook.alertmanager(group(firing())).json() == {"outcome": "sent"}
    assert time.monotonic() - began < _LONGEST_SECONDS
    assert webhook.alertmanager(group(firing())).json() == {"outcome": "duplicate"}
    assert raw.taken == 1


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_answer_that_does_not_come_in_its_time_is_a_503_after_one_message(
    slack: SlackStandIn, start_webhook: StartWebhook, raw_slack: Callable[..., RawServer], name: str
) -> None:
    answer, drip_from = UNKNOWN[name]
    raw = raw_slack(answer, drip_from=drip_from, close=False)
    webhook = start_webhook(slack, **_TIMEOUT, **address(raw, "webhook"))
    began = time.monotonic()
    assert webhook.alertmanager(group(firing())).json() == {"error": "slack_unavailable"}
    assert time.monotonic() - began < _LONGEST_SECONDS
    slack.wait_until(lambda: raw.taken >= 1)
    assert raw.taken == 1


REFUSED: Final = {
    "redirect": (http(b"", b"Location: http://169.254.169.254/latest", status=b"302 Found"), "slack_refused"),
    "redirect elsewhere with a secret": (
        http(b"", b"Location: http://user:PW@evil.example/?token=T", status=b"307 Moved"),
        "slack_refused",
    ),
    "escapes in an error": (http(b"\x1b[31mred\x1b[0m", status=b"403 \x1b[2J"), "slack_refused"),
    "an error of 60 kB": (http(b"a" * 60_000, status=b"403 No"), "slack_refused"),
    "an endless body": (http(b"a" * 3_000_000), "sent"),
    "a portal's page": (http(b"<!DOCTYPE html>\n<html><body>Log in</body></html>"), "slack_unavailable"),
    "a page behind blanks and a comment": (http(b"\r\n <!-- x -->\n<HTML>"), "slack_unavailable"),
    "a page with a mark": (http(b"\xef\xbb\xbf<html lang=en>"), "slack_unavailable"),
    "a page cut": (http(b"<html><head>", b"Content-Length: 9999", length=False), "slack_unavailable"),
    "a denial of status 200": (http(b'{"ok": false, "error": "x"}'), "slack_unavailable"),
    "another server's denial": (http(b'{ "success" :false}'), "slack_unavailable"),
    "another server's JSON": (http(b'{"success":true}'), "sent"),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "slack_unavailable"),
    "no status": (b"HTTP/1.1 abc OK\r\n\r\n", "slack_unavailable"),
    "a coding nobody asked for": (http(b"\x00" * 50, b"Content-Encoding: br"), "sent"),
    "throttled till the year 9999": (
        http(b"", b"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", status=b"429 No"),
        "slack_unavailable",
    ),
    "throttled for ever": (http(b"", b"Retry-After: " + b"9" * 50, status=b"429 No"), "slack_unavailable"),
    "throttled for less than nothing": (http(b"", b"Retry-After: -1", status=b"429 No"), "slack_unavailable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_answer_that_slack_would_not_give_is_told_in_printable_words(
    slack: SlackStandIn,
    start_webhook: StartWebhook,
    raw_slack: Callable[..., RawServer],
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    answer, outcome = REFUSED[name]
    webhook = start_webhook(slack, **address(raw_slack(answer), "webhook"))
    answered = webhook.alertmanager(group(firing()))
    assert outcome in answered.json().values()
    assert int(answered.headers.get("Retry-After", "1")) <= 300
    seen = caplog.text + webhook.page("/readyz").text
    assert "PW" not in seen
    assert "/services/secret" not in seen
    assert all(character.isprintable() or character == "\n" for character in seen)
    assert max(map(len, seen.splitlines())) < 500


JSON_ANSWERS: Final = [
    b"",
    b"null",
    b"[]",
    b"1",
    b'"ok"',
    b"{",
    b"[" * 60_000,
    b'{"ok": 1}',
    b'{"ok": "true"}',
    b'{"ok": null}',
    b'{"ok": false, "error": 5}',
    b'{"ok": false, "error": {"a": 1}}',
    b'{"ok": false, "error": "' + b"x" * 50_000 + b'"}',
    b'{"ok": false}',
    b"\xff\xfe",
    b'{"ok": NaN}',
    b"9" * 5_000,
]


@pytest.mark.parametrize("body", JSON_ANSWERS, ids=range(len(JSON_ANSWERS)))
def test_an_answer_of_the_web_api_that_is_not_an_ok_is_a_503(
    slack: SlackStandIn, start_webhook: StartWebhook, raw_slack: Callable[..., RawServer], body: bytes
) -> None:
    webhook = start_webhook(slack, **address(raw_slack(http(body)), "token"))
    answer = webhook.alertmanager(group(firing()))
    assert (answer.status_code, answer.json()["error"]) in ((503, "slack_unavailable"), (503, "slack_refused"))


def address(raw: RawServer, by: str) -> dict[str, str]:
    if by == "webhook":
        return {"SLACK_TOKEN": "", "SLACK_URL": f"{raw.url}/services/secret", "CLAIM_SECONDS": "30"}
    return {"SLACK_API_URL": f"{raw.url}/api"}

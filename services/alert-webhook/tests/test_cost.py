"""No request costs more processor time than its size explains: a body of any shape against an ordinary one of its size.

Processor time of the service's own process is measured, not the clock, so a busy machine changes nothing.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import psutil
import pytest
import requests
from meetup_testkit.slack_plugin import SlackStandIn
from webhook_running import BEARER, WebhookProcess, environ, firing, group, log_entry, pushed

StartProcess = Callable[..., WebhookProcess]
SIZE: Final = 1_000_000
BOUND: Final = 25
"""Times the ordinary body's; the dearest of these shapes takes some 12. What was quadratic took 110."""
LEAST_SECONDS: Final = 0.25
"""Below this nothing is too much: the system counts processor time in steps of 0.01 s."""

UNITS: Final = [
    "a",
    "A",
    "0",
    " ",
    "\n",
    "\t",
    "\r\n",
    "=",
    ":",
    "/",
    "@",
    ".",
    "-",
    "_",
    "*",
    "~",
    "`",
    "<",
    ">",
    "&",
    '"',
    "'",
    "\\",
    "{",
    "[",
    "(",
    ",",
    ";",
    "%",
    "+",
    "?",
    "\x1b[",
    "\x1b]",
    "\u202e",
    "\u200b",
    "\u0301",
    "\ud83d\ude00",
    "a=",
    "a:",
    "a ",
    "a.",
    "a@",
    "a/",
    "://",
    "http://",
    "http://a:",
    "http://a:b",
    "//@",
    "password",
    "password ",
    "password=",
    "password: ",
    'Password="',
    "Authorization: ",
    "Authorization: Basic ",
    "Bearer ",
    "Basic ",
    "Cookie: a",
    "curl -u ",
    "eyJ",
    "eyJ.",
    "eyJhbGciOi",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "AKIA",
    "AIza",
    "ghp_",
    "xoxb-",
    "sk-",
    "SG.",
    "npm_",
    "key=",
    "token=$",
    "pass:a",
    "-p a ",
    "code=",
    "a:b@",
    "x://a:b",
    "secret:a-",
    'token":"',
    '\\"token\\":\\"',
    "secret'",
    "api_key\\n",
    "aB",
    "a-",
    "a_",
    "_@",
    "@channel",
    "<!",
    "<http",
    "|",
    "2026-",
    "0.",
    "1e",
]


def repeated(unit: str) -> str:
    return unit * (SIZE // (len(json.dumps(unit)) - 2))


def alert_with(**fields: Any) -> dict[str, Any]:
    return group({**firing(), **fields})


def of_alertmanager(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "summary", alert_with(annotations={"summary": text})
    yield "label", alert_with(labels={"alertname": "A", "severity": text})
    part = text[: len(text) // 64]  # as many alerts as are shown, with texts as long as are looked at
    annotations = {"summary": part, "description": part, "runbook_url": part}
    yield "alerts", group(*({**firing(feed=part[:200], pod=f"p{n}"), "annotations": annotations} for n in range(20)))
    yield "group key and time", {**alert_with(startsAt=text[: SIZE // 4]), "groupKey": text[: SIZE // 4]}
    yield "links", {**alert_with(generatorURL=text[: SIZE // 4]), "externalURL": text[: SIZE // 4]}


def of_log_export(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    half = text[: len(text) // 2]  # base64, and JSON in JSON
    yield "text", pushed(log_entry(half[:100]) | {"textPayload": half, "jsonPayload": None})
    yield "message", pushed(log_entry(message=half))
    yield "field", pushed(log_entry(jsonPayload={"event": half, "error": {"detail": half[:1000]}}))
    yield "fields", pushed(log_entry(jsonPayload={f"f{n}": half[: len(half) // 64] for n in range(60)}))
    yield "log name", pushed(log_entry(logName=half[: SIZE // 8], insertId=half[: SIZE // 8], severity=half[:1000]))


def many(count: int, **fields: Any) -> dict[str, Any]:
    return group(*({**firing(feed=f"f{number}"), **fields} for number in range(count)))


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = {"a": inner}
    return inner


SHAPES: Final[dict[str, tuple[str, Any]]] = {
    "many alerts": ("/v1/alertmanager", many(2_500)),
    "many labels": (
        "/v1/alertmanager",
        alert_with(labels={"alertname": "A"} | {f"l{n}": "v" * 10 for n in range(40_000)}),
    ),
    "many annotations": ("/v1/alertmanager", alert_with(annotations={f"a{n}": "v" * 10 for n in range(40_000)})),
    "many alerts of many labels": (
        "/v1/alertmanager",
        many(60, labels={"alertname": "A"} | {f"l{n}": "v" for n in range(1_000)}),
    ),
    "alerts that are one": ("/v1/alertmanager", group(*[firing() for _ in range(2_500)])),
    "many fields": ("/v1/log-export", pushed(log_entry(jsonPayload={f"f{n}": "v" * 10 for n in range(20_000)}))),
    "many numbers": ("/v1/log-export", pushed(log_entry(jsonPayload={"a": list(range(80_000))}))),
    "nested fields": ("/v1/log-export", pushed(log_entry(jsonPayload=nested(400, {"a": "b" * 300_000})))),
    "wide and deep": ("/v1/log-export", pushed(log_entry(jsonPayload={f"f{n}": nested(20, n) for n in range(2_000)}))),
    "many log labels": (
        "/v1/log-export",
        pushed(log_entry(labels={"alertname": "A"} | {f"l{n}": "v" * 10 for n in range(20_000)})),
    ),
    "many unknown fields": ("/v1/alertmanager", {**alert_with(), **{f"x{n}": n for n in range(60_000)}}),
}
RAW: Final[dict[str, bytes]] = {
    "lists in lists": b"[" * SIZE,
    "objects in objects": b'{"a":' * (SIZE // 5),
    "a long number": b'{"version": ' + b"9" * SIZE + b"}",
    "a long fraction": b'{"version": 0.' + b"9" * SIZE + b"}",
    "a long exponent": b'{"version": 1e' + b"9" * 1_000 + b"}",
    "white space": b" " * SIZE,
    "an unended text": b'"' + b"a" * SIZE,
    "escapes": b'{"version": "' + b"\\u0000" * (SIZE // 6) + b'"}',
    "one name again and again": b"{" + b'"version": "4", ' * (SIZE // 16) + b'"groupKey": "x"}',
    "not UTF-8": b"\xff" * SIZE,
}


class Measured:
    """A webhook whose processor time is read around each request."""

    def __init__(self, webhook: WebhookProcess) -> None:
        self._webhook = webhook
        self._process = psutil.Process(webhook.pid)
        self._session = requests.Session()
        ordinary = [self.seconds("/v1/alertmanager", json.dumps(many(2_500)).encode()) for _ in range(3)]
        self.bound = max(LEAST_SECONDS, BOUND * sorted(ordinary)[1])

    def seconds(self, path: str, body: bytes) -> float:
        before = self._used()
        answer = self._session.post(f"{self._webhook.url}{path}", data=body, headers=BEARER, timeout=100)
        assert answer.status_code in (200, 503), answer.text
        return self._used() - before

    def _used(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    def check(self, name: str, path: str, body: bytes) -> None:
        assert len(body) < 2 * 1024 * 1024
        took = self.seconds(path, body)
        assert took <= self.bound, f"{name}: {took:.2f} s of processor time, at most {self.bound:.2f}"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    folder = tmp_path_factory.mktemp("cost")
    with (
        SlackStandIn() as slack,
        WebhookProcess(environ(slack, folder / "state.sqlite", SLACK_TIMEOUT_SECONDS="5"), folder / "log") as webhook,
    ):
        yield Measured(webhook)


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


DAILY: Final = frozenset({"a", "a-", "key=", "token=$", "-p a ", "http://a:b", "\\"})
"""What has been quadratic once, and a few more; the others are for the slow tier."""


@pytest.mark.parametrize(
    "unit",
    [pytest.param(unit, marks=() if unit in DAILY else pytest.mark.faults, id=repr(unit)) for unit in UNITS],
)
def test_a_text_of_one_thing_again_and_again_costs_no_more_than_its_size(measured: Measured, unit: str) -> None:
    text = repeated(unit)
    for name, body in of_alertmanager(text):
        measured.check(f"{unit!r} as {name}", "/v1/alertmanager", encoded(body))
    for name, body in of_log_export(text):
        measured.check(f"{unit!r} as {name}", "/v1/log-export", encoded(body))


@pytest.mark.parametrize("name", SHAPES)
def test_a_body_of_many_things_costs_no_more_than_its_size(measured: Measured, name: str) -> None:
    path, body = SHAPES[name]
    measured.check(name, path, encoded(body))


@pytest.mark.parametrize("path", ["/v1/alertmanager", "/v1/log-export"])
@pytest.mark.parametrize("name", RAW)
def test_a_body_that_is_no_alert_costs_no_more_than_its_size(measured: Measured, name: str, path: str) -> None:
    measured.check(name, path, RAW[name])

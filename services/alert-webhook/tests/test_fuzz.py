"""Whatever is sent, the answer is one that was meant: never a 5xx but the deliberate 503."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from meetup_alert_webhook.slack.blocks import alert_message
from meetup_alert_webhook.sources import alertmanager, log_export
from meetup_alert_webhook.sources.malformed import Malformed
from meetup_alert_webhook.text import redaction
from meetup_simulator.slack.limits import error_of
from meetup_testkit.slack_plugin import SlackStandIn
from webhook_running import BEARER, InProcess, environ, firing, group, log_entry, pushed

DAILY, MANY = 150, 1000
"""Examples, by day and with ALL=1."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
TEXTS = st.dictionaries(st.sampled_from(["alertname", "severity", "feed", "pod", "summary", "runbook_url"]), st.text())
ALERT = st.fixed_dictionaries(
    {"status": st.sampled_from(["firing", "resolved"]), "labels": TEXTS},
    optional={"annotations": TEXTS, "startsAt": st.text(), "endsAt": st.text(), "generatorURL": st.text()},
)
GROUP = st.builds(
    lambda alerts, key: {**group(firing()), "alerts": alerts, "groupKey": key}, st.lists(ALERT), st.text()
)
ENTRY = st.builds(
    lambda fields: log_entry(**fields),
    st.fixed_dictionaries(
        {},
        optional={
            "severity": st.text(),
            "timestamp": st.text(),
            "textPayload": st.text(),
            "jsonPayload": st.dictionaries(st.text(), JSON, max_size=4),
            "protoPayload": st.dictionaries(st.sampled_from(["status", "methodName", "serviceName"]), JSON),
            "resource": JSON,
            "labels": st.dictionaries(st.text(), st.text()),
        },
    ),
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """One service, without a rate, for every example; its Slack checks each message's form."""
    with SlackStandIn() as slack:
        state: Path = tmp_path_factory.mktemp("fuzz") / "state.sqlite"
        with InProcess(environ(slack, state, TOKEN="", ALLOW_UNAUTHENTICATED="true")) as webhook:
            yield webhook
        refused = {word: count for word, count in slack.workspace.counts.items() if word not in {"posted", "updated"}}
        assert refused == {}


def outcome(webhook: InProcess, path: str, body: bytes) -> str:
    answer = requests.post(f"{webhook.url}{path}", data=body, headers=BEARER, timeout=30)
    assert answer.status_code == 200
    found: str = answer.json()["outcome"]
    return found


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode())))
@pytest.mark.parametrize("path", ["/v1/alertmanager", "/v1/log-export"])
def test_any_bytes_are_answered_as_malformed(fuzzed: InProcess, path: str, body: bytes) -> None:
    assert outcome(fuzzed, path, body) == "malformed"


@settings(max_examples=DAILY, deadline=None)
@given(body=GROUP)
def test_any_group_becomes_a_message_slack_takes_or_is_malformed(body: dict[str, Any]) -> None:
    assert_taken_or_malformed(body)


@pytest.mark.faults
@settings(max_examples=MANY, deadline=None)
@given(body=GROUP)
def test_any_of_many_groups_becomes_a_message_slack_takes_or_is_malformed(body: dict[str, Any]) -> None:
    assert_taken_or_malformed(body)


def assert_taken_or_malformed(body: dict[str, Any]) -> None:
    try:
        parsed = alertmanager.parse(json.dumps(body).encode())
    except Malformed:
        assert not body["alerts"] or not body["groupKey"]
        return
    assert error_of(alert_message(alertmanager.to_alert(parsed))) is None


@settings(max_examples=DAILY, deadline=None)
@given(entry=ENTRY)
def test_any_log_entry_becomes_a_message_slack_takes_or_is_malformed(entry: dict[str, Any]) -> None:
    assert_entry_taken_or_malformed(entry)


@pytest.mark.faults
@settings(max_examples=MANY, deadline=None)
@given(entry=ENTRY)
def test_any_of_many_log_entries_becomes_a_message_slack_takes_or_is_malformed(entry: dict[str, Any]) -> None:
    assert_entry_taken_or_malformed(entry)


def assert_entry_taken_or_malformed(entry: dict[str, Any]) -> None:
    try:
        alert = log_export.parse(json.dumps(pushed(entry)).encode(), {})
    except Malformed:
        assert entry["resource"] != log_entry()["resource"]
        return
    assert error_of(alert_message(alert)) is None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.one_of(GROUP.filter(lambda body: body["alerts"] and body["groupKey"])))
def test_any_group_goes_all_the_way(fuzzed: InProcess, body: dict[str, Any]) -> None:
    assert outcome(fuzzed, "/v1/alertmanager", json.dumps(body).encode()) in {"sent", "duplicate"}


@settings(max_examples=300, deadline=None)
@given(text=st.text(), secret=st.text("0123456789abcdef", min_size=12, max_size=40))
@pytest.mark.parametrize(
    "form", ["key={}", "Bearer {}", '"token": "{}"', "xoxb-{}", "https://user:{}@host/", "sig={}&x=1"]
)
def test_a_secret_is_taken_out_of_any_text(form: str, text: str, secret: str) -> None:
    assume(secret not in text)
    assert secret not in redaction.redacted(f"{text} {form.format(secret)}")


def test_the_api_is_as_its_own_description_says(fuzzed: InProcess) -> None:
    schema = schemathesis.openapi.from_url(f"{fuzzed.url}/openapi.json")
    called = set()
    for operation in schema.get_all_operations():
        call = operation.ok()  # type: ignore[union-attr]  # an Err has none, and fails the test

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=call.as_strategy())
        def answers(case: schemathesis.Case[Any]) -> None:
            answer = case.call(headers=BEARER, timeout=30)
            assert answer.status_code in {200, 401, 403, 408, 413, 503}

        answers()
        called.add(call.path)
    assert called == {"/v1/alertmanager", "/v1/log-export"}

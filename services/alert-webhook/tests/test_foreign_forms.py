"""Whatever carries an alert is sent, in whichever program's form; what is not needed does not decide."""

import base64
import json
from typing import Any

import pytest
import requests
from foreign_bodies import (
    ODD,
    SEVERITIES,
    TEXT,
    alertmanager_bodies,
    log_entries,
    malformed_bodies,
    resolved_bodies,
    told_apart,
)
from meetup_alert_webhook.model import Status
from meetup_alert_webhook.slack.blocks import alert_message
from meetup_alert_webhook.sources import alertmanager, log_export
from meetup_alert_webhook.sources.malformed import Malformed
from meetup_simulator.slack.limits import error_of
from meetup_testkit.growth import growth
from meetup_testkit.slack_plugin import SlackStandIn
from webhook_running import BEARER, InProcess, firing, group, log_entry, pushed


@pytest.mark.parametrize("kind", alertmanager_bodies())
def test_an_alert_is_read_from_any_form(kind: str) -> None:
    alert = alertmanager.to_alert(alertmanager.parse(alertmanager_bodies()[kind]))
    assert alert.status is Status.FIRING
    message = alert_message(alert)
    assert error_of(message) is None
    assert "FeedSilent" in str(message)
    assert ("feed", "rsvps") in alert.findings[0].where


@pytest.mark.parametrize("kind", resolved_bodies())
def test_an_alert_that_is_over_is_read_from_any_form(kind: str) -> None:
    assert alertmanager.to_alert(alertmanager.parse(resolved_bodies()[kind])).status is Status.RESOLVED


@pytest.mark.parametrize("kind", malformed_bodies())
def test_a_body_without_an_alert_is_malformed(kind: str) -> None:
    with pytest.raises(Malformed) as raised:
        alertmanager.parse(malformed_bodies()[kind])
    assert len(str(raised.value)) < 500


def test_the_same_group_without_a_key_is_the_same_incident_when_it_is_over() -> None:
    body = group(firing("FeedSilent", feed="rsvps"))
    over = {**body, "status": "resolved", "alerts": [{**body["alerts"][0], "status": "resolved"}]}
    for drop in (("groupKey",), ("groupKey", "groupLabels"), ("groupKey", "groupLabels", "fingerprint")):
        first, last = (
            {**{k: v for k, v in each.items() if k not in drop}, "alerts": [
                {k: v for k, v in each["alerts"][0].items() if k not in drop}
            ]}
            for each in (body, over)
        )  # fmt: skip
        alerts = [alertmanager.to_alert(alertmanager.parse(json.dumps(each).encode())) for each in (first, last)]
        assert alerts[0].incident == alerts[1].incident
        assert alerts[0].key != alerts[1].key


def test_alerts_told_apart_by_their_texts_alone_are_not_the_same() -> None:
    bodies = [{"alerts": [{"status": "firing", "annotations": {"summary": text}}]} for text in ("a", "b")]
    first, second = (alertmanager.to_alert(alertmanager.parse(json.dumps(body).encode())) for body in bodies)
    assert first.key != second.key


@pytest.mark.parametrize("value", ["7", 7, 7.0], ids=repr)
def test_alerts_that_were_cut_off_are_counted(value: Any) -> None:
    body = {**group(firing()), "truncatedAlerts": value}
    assert alertmanager.to_alert(alertmanager.parse(json.dumps(body).encode())).omitted == 7


@pytest.mark.parametrize("told", [{"title": "T"}, {"message": "T"}, {"title": "T", "message": "more"}])
def test_a_group_whose_alerts_say_nothing_is_sent_by_what_stands_beside_them(told: dict[str, str]) -> None:
    silent = {"status": "alerting", "labels": None, "annotations": None, "fingerprint": None}
    alert = alertmanager.to_alert(
        alertmanager.parse(json.dumps({"status": "firing", "alerts": [silent, silent], **told}).encode())
    )
    assert (alert.status, alert.findings[0].summary, alert.omitted) == ("firing", "T", 0)


def test_alerts_that_cannot_be_read_are_counted_beside_those_that_can() -> None:
    body = {**group(firing()), "alerts": [firing(), *ODD]}
    assert alertmanager.to_alert(alertmanager.parse(json.dumps(body).encode())).omitted == len(ODD)


@pytest.mark.parametrize("kind", log_entries())
def test_a_log_entry_is_read_from_any_form(kind: str) -> None:
    alert = log_export.parse(json.dumps(pushed(log_entries()[kind])).encode(), {})
    assert error_of(alert_message(alert)) is None
    assert TEXT in alert.findings[0].summary


def test_entries_without_text_are_told_apart() -> None:
    alerts = {kind: log_export.parse(json.dumps(pushed(entry)).encode(), {}) for kind, entry in told_apart().items()}
    assert len({alert.kind for alert in alerts.values()}) == len(alerts)
    for alert in alerts.values():
        assert error_of(alert_message(alert)) is None


@pytest.mark.parametrize(
    "changes",
    [{"ms": 1234567}, {"ms": 12.75}, {"at": "0x7f9c"}, {"id": "123e4567-e89b-42d3-a456-426614174000"}],
    ids=str,
)
def test_entries_without_text_that_differ_by_a_measure_are_of_one_kind(changes: dict[str, Any]) -> None:
    other = {name: "0xabc" if name == "at" else 98765.5 if name == "ms" else value for name, value in changes.items()}
    entries = [log_entry(jsonPayload={"code": 7, **each}) for each in (changes, other)]
    first, second = (log_export.parse(json.dumps(pushed(entry)).encode(), {}) for entry in entries)
    assert first.kind == second.kind


@pytest.mark.parametrize(("fields", "severity"), SEVERITIES, ids=str)
def test_an_entry_is_as_bad_as_it_or_its_payload_says(fields: dict[str, Any], severity: str) -> None:
    entry = {**{k: v for k, v in log_entry().items() if k not in ("jsonPayload", "severity")}, **fields}
    entry = entry if len(entry) > 5 else {**entry, "textPayload": TEXT}
    assert log_export.parse(json.dumps(pushed(entry)).encode(), {}).severity == severity


@pytest.mark.parametrize("drop", ["insertId", "timestamp", "logName"])
def test_entries_that_lack_a_part_of_their_name_are_told_apart_by_their_message(drop: str) -> None:
    entry = {name: value for name, value in log_entry().items() if name != drop}
    keys = [log_export.parse(json.dumps(pushed(entry, number)).encode(), {}).key for number in ("1", "2", "2")]
    assert keys[0] != keys[1] == keys[2]


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["standard", "URL"])
@pytest.mark.parametrize("padded", [True, False], ids=["padded", "bare"])
def test_a_pushed_message_is_read_in_either_alphabet(encode: Any, padded: bool) -> None:
    for extra in ("", "?", "??>"):
        data = encode(json.dumps(log_entry(textPayload=f"{TEXT}{extra}"), ensure_ascii=False).encode()).decode()
        body = {"message": {"data": data if padded else data.rstrip("="), "message_id": "7", "attributes": None}}
        assert TEXT in log_export.parse(json.dumps(body).encode(), {}).findings[0].summary


MALFORMED_PUSHES: dict[str, Any] = {
    "no data": {"message": {"messageId": "1"}},
    "data of another type": {"message": {"data": 7, "messageId": "1"}},
    "not base64": {"message": {"data": "!", "messageId": "1"}},
    "not JSON": {"message": {"data": "bm90IEpTT04=", "messageId": "1"}},
    "nothing in it": {"message": {"data": "e30=", "messageId": "1"}},
    "a list": {"message": {"data": "W10=", "messageId": "1"}},
    "a number": {"message": {"data": "Nw==", "messageId": "1"}},
    "no payload": {"insertId": "x", "severity": "ERROR"},
    **{f"bare {value!r}": value for value in ODD},
}


@pytest.mark.parametrize("kind", MALFORMED_PUSHES)
def test_a_push_without_an_entry_is_malformed(kind: str) -> None:
    with pytest.raises(Malformed):
        log_export.parse(json.dumps(MALFORMED_PUSHES[kind]).encode(), {})


def test_foreign_forms_go_all_the_way(webhook: InProcess, slack: SlackStandIn) -> None:
    sent = 0
    for kind in ("Grafana", "former Grafana", "in utf-8-sig", "in utf-16", "annotations: None", "version '1'"):
        body = alertmanager_bodies().get(kind) or json.dumps(group(firing(kind))).encode()
        answer = requests.post(f"{webhook.url}/v1/alertmanager", data=body, headers=BEARER, timeout=30)
        assert answer.status_code == 200
        sent += answer.json()["outcome"] not in ("duplicate", "malformed", "malformed")
    assert sent >= 4
    slack.wait_until(lambda: len(slack.messages()) == sent)


def read(body: bytes) -> None:
    try:
        alert_message(alertmanager.to_alert(alertmanager.parse(body)))
    except Malformed:
        alert_message(log_export.parse(body, {}))


def big_bodies(size: int) -> dict[str, bytes]:
    """Bodies of about so many bytes, of many small parts or one long one."""
    alert = {"status": "resolved", "labels": {"a": "b"}}
    bodies: dict[str, Any] = {
        "resolved alerts in a firing group": {"status": "firing", "alerts": [alert] * (size // 45)},
        "labels": {"alerts": [{"labels": {f"l{at}": "x" for at in range(size // 12)}}]},
        "one label": {"alerts": [{"labels": {"alertname": "a" * size}}]},
        "one summary": {"alerts": [{"labels": {"a": "b"}, "annotations": {"summary": "a=" * (size // 2)}}]},
        "fields": {"logName": "l", "jsonPayload": {f"f{at}": at for at in range(size // 14)}},
        "one text": {"logName": "l", "textPayload": "0" * size},
        "one text of dashes": {"logName": "l", "textPayload": "abcdef01-" * (size // 9)},
        "one long request": {"logName": "l", "httpRequest": {"requestUrl": "/?" + "a=" * (size // 2)}},
    }
    return {kind: json.dumps(body).encode() for kind, body in bodies.items()}


@pytest.mark.parametrize("kind", big_bodies(1))
def test_a_body_of_any_size_costs_in_proportion(kind: str) -> None:
    bodies = {size: big_bodies(size)[kind] for size in (50_000, 800_000)}
    assert growth(lambda size: read(bodies[size]), small=50_000, large=800_000) < 4

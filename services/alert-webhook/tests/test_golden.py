"""What Alertmanager and Cloud Logging send, and the message it becomes: a pair a file, reviewed as text.

``UPDATE_GOLDEN=1 pytest .../test_golden.py`` writes the messages anew; the difference is then read in the review.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from meetup_alert_webhook.slack.blocks import MAX_BLOCKS, MAX_TEXT, alert_message
from meetup_alert_webhook.sources import alertmanager, log_export
from meetup_simulator.slack.limits import error_of
from webhook_running import pushed

PAIRS = sorted((Path(__file__).parent / "golden").glob("*.json"))


def message_of(pair: dict[str, Any]) -> Any:
    body = json.dumps(pair["input"]).encode()
    match pair["source"]:
        case "alertmanager":
            alert = alertmanager.to_alert(alertmanager.parse(body))
        case "log entry":
            alert = log_export.parse(json.dumps(pushed(pair["input"])).encode(), {})
        case other:
            raise AssertionError(f"{other} is not a source")
    return alert_message(alert)


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_the_message_is_the_one_that_was_reviewed(path: Path) -> None:
    pair = json.loads(path.read_text())
    message = message_of(pair)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(json.dumps({**pair, "message": message}, indent=2, ensure_ascii=False) + "\n")
    assert json.loads(path.read_text())["message"] == message
    assert error_of(message) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://r.example/x?api_key=4e5f6a7b8c9d",
        "https://r.example/x?a=b&password=correct-horse",
        "https://r.example/x?X-Amz-Signature=0123456789",
        "https://r.example/x#access_token=abcdefghij",
        "https://r.example/x?a%70i_key=4e5f6a7b8c9d",
        "https://r.example/x?next=%2Flogin%3Ftoken%3Dabcdefghij",
        "https://r.example/x?token=abcdefghij-of-an-end-that-is-cut" + "x" * 1900,
        "https://reader:correct-horse@r.example/x",
        "https://hooks.slack.com/services/T0/B0/abcdefghij",
        "HTTPS://HOOKS.SLACK.COM/services/T0/B0/abcdefghij",
    ],
)
def test_a_link_that_holds_a_secret_is_not_given_to_the_channel(url: str) -> None:
    alert = {"status": "firing", "labels": {}, "annotations": {"runbook_url": url}, "generatorURL": url}
    body = {"version": "4", "groupKey": "g", "status": "firing", "alerts": [alert], "externalURL": url}
    message = alert_message(alertmanager.to_alert(alertmanager.parse(json.dumps(body).encode())))
    assert "example/x" not in str(message)
    assert "slack.com" not in str(message).lower()


def test_there_are_pairs_to_review() -> None:
    assert len(PAIRS) >= 10


def test_a_group_of_the_largest_size_fits_slacks_limits() -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": "A" * 500, "feed": "<&>" * 100},
        "annotations": {
            "summary": "&" * 5000,
            "description": "<" * 50_000,
            "runbook_url": "https://r.example/" + "x" * 1900,
        },
        "startsAt": "2026-11-23T20:00:00.123456789Z",
        "generatorURL": "https://g.example/" + "&" * 1900,
    }
    body = {"version": "4", "groupKey": "g", "status": "firing", "alerts": [alert] * 500, "truncatedAlerts": 7}
    message = alert_message(alertmanager.to_alert(alertmanager.parse(json.dumps(body).encode())))
    assert error_of(message) is None
    blocks = message["attachments"][0]["blocks"]
    assert len(blocks) <= MAX_BLOCKS
    assert max(len(block["text"]["text"]) for block in blocks if "text" in block) <= MAX_TEXT
    assert "and 487 more that are not shown" in json.dumps(message)

"""A message without a link to the runbook says itself what the alert means and what to do."""

import json
from typing import Any

import pytest
from meetup_alert_webhook.slack.blocks import Message, alert_message
from meetup_alert_webhook.sources import alertmanager

MEANING = "No connection to a stream for 5 minutes."
ACTION = "Mend what the condition names: `kubectl describe meetupfeed rsvps`."


def message(*alerts: dict[str, Any], **common: str) -> str:
    body = {
        "version": "4",
        "groupKey": "g",
        "status": "firing",
        "alerts": list(alerts),
        "commonAnnotations": common,
        "externalURL": "",
    }
    return shown(alert_message(alertmanager.to_alert(alertmanager.parse(json.dumps(body).encode()))))


def shown(sent: Message) -> str:
    return "\n".join(
        block["text"]["text"] for each in sent["attachments"] for block in each["blocks"] if "text" in block
    )


def alert(feed: str = "rsvps", status: str = "firing", **annotations: str) -> dict[str, Any]:
    labels = {"alertname": "MeetupFeedDown", "feed": feed}
    notes = {"summary": f"{feed} is not connected", "runbook_meaning": MEANING, "runbook_action": ACTION}
    return {
        "status": status,
        "labels": labels,
        "annotations": {**notes, **annotations},
        "startsAt": "2026-11-23T02:14:07Z",
    }


@pytest.mark.parametrize("url", ["", " ", "\n"])
def test_without_a_link_the_message_has_the_runbooks_first_lines(url: str) -> None:
    text = message(alert(runbook_url=url, description="Since noon."))
    assert f"Since noon.\nWhat it means: {MEANING}\nWhat to do: {ACTION}" in text


def test_lines_that_all_alerts_of_a_group_have_in_common_are_read_too() -> None:
    bare = {"status": "firing", "labels": {"alertname": "A"}, "annotations": {}, "startsAt": "2026-11-23T02:14:07Z"}
    assert f"What it means: {MEANING}" in message(bare, runbook_meaning=MEANING)


def test_with_a_link_the_message_leads_there_and_stays_short() -> None:
    text = message(alert(runbook_url="https://wiki.example/runbooks#meetupfeeddown"))
    assert "<https://wiki.example/runbooks#meetupfeeddown|Runbook>" in text
    assert "What it means" not in text


def test_several_alerts_of_one_kind_say_it_once() -> None:
    text = message(alert("rsvps"), alert("photos"), alert("open_events"), alert("x", runbook_meaning="Another."))
    assert (text.count(MEANING), text.count("Another.")) == (1, 1)


def test_what_is_over_needs_no_runbook() -> None:
    assert "What to do" not in message(alert(status="resolved"), alert("photos", status="resolved"))


@pytest.mark.parametrize("text", ["x" * 100_000, "<!channel> @here", "a\n\nb", "`" * 50, "*_~"])
def test_lines_of_any_text_are_bounded_and_harmless(text: str) -> None:
    shown_text = message(alert(runbook_meaning=text, runbook_action=text, description="d" * 5000))
    assert len(shown_text) < 4000
    assert "<!channel>" not in shown_text

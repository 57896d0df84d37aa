"""What the conditions and figures say of what was observed."""

from dataclasses import replace
from typing import Any

import pytest
from meetup_feed_operator.status.conditions import (
    FIGURES_SECONDS,
    Observation,
    Problem,
    condition_of,
    derive,
    worth_writing,
)
from meetup_feed_operator.status.metrics_page import Ledger, Scrape

NOW = 1_700_000_000.0
AT = "2023-11-14T22:13:20Z"
ROLLED_OUT = {
    "metadata": {"generation": 2},
    "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
}
POD: dict[str, Any] = {"metadata": {"name": "p", "uid": "pod"}, "status": {"phase": "Running"}}


def a_scrape(**fields: Any) -> Scrape:
    return Scrape(**{"pod_uid": "pod", "at": NOW, "connected": True, **fields})


def observed(**fields: Any) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "generation": 3,
        "paused": False,
        "objects": "gs://b/rsvps/",
        "problem": None,
        "deployment": ROLLED_OUT,
        "pods": [POD],
        "scrape": a_scrape(),
        "earlier": None,
        "previous": {},
        "now": NOW,
    }
    return derive(Observation(**(seen | fields)))


def states(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}


def waiting(reason: str, **last: Any) -> dict[str, Any]:
    container = {"state": {"waiting": {"reason": reason, "message": "why"}}, "lastState": last}
    return {"metadata": {"name": "p", "uid": "pod"}, "status": {"phase": "Pending", "containerStatuses": [container]}}


@pytest.mark.parametrize(
    ("fields", "ready", "streaming", "progressing", "degraded"),
    [
        ({}, "Streaming", "Connected", "Complete", "AsExpected"),
        ({"scrape": a_scrape(connected=False)}, "Disconnected", "Disconnected", "Complete", "AsExpected"),
        ({"scrape": a_scrape(not_ready="no store")}, "NotReady", "NotReady", "Complete", "AsExpected"),
        ({"scrape": a_scrape(unreadable="x")}, "Available", "Unreadable", "Complete", "AsExpected"),
        ({"deployment": None, "pods": [], "scrape": None}, "Creating", "NoPod", "Creating", "AsExpected"),
        (
            {"deployment": {"metadata": {"generation": 3}, "status": {"observedGeneration": 2}}},
            "RollingOut",
            "Connected",
            "RollingOut",
            "AsExpected",
        ),
        (
            {"paused": True, "deployment": {"metadata": {"generation": 2}, "status": {"observedGeneration": 2}}},
            "Paused",
            "Paused",
            "Paused",
            "AsExpected",
        ),
        ({"paused": True}, "Paused", "Paused", "Stopping", "AsExpected"),
        (
            {"problem": Problem("InvalidSpec", "no"), "deployment": None, "pods": [], "scrape": None},
            "InvalidSpec",
            "InvalidSpec",
            "InvalidSpec",
            "InvalidSpec",
        ),
        (
            {
                "pods": [waiting("ImagePullBackOff")],
                "scrape": None,
                "deployment": {"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "replicas": 1}},
            },
            "ImagePullBackOff",
            "NoPod",
            "ImagePullBackOff",
            "ImagePullBackOff",
        ),
    ],
)
def test_each_state_has_its_reasons(
    fields: dict[str, Any], ready: str, streaming: str, progressing: str, degraded: str
) -> None:
    reasons = {kind: reason for kind, (_, reason) in states(observed(**fields)).items()}
    assert reasons == {"Ready": ready, "Streaming": streaming, "Progressing": progressing, "Degraded": degraded}


NOT_AVAILABLE = {
    "metadata": {"generation": 2},
    "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1},
}
TOO_LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "m"}


@pytest.mark.parametrize("conditions", [[], [TOO_LATE]], ids=["at the start", "after five minutes"])
def test_a_pod_that_says_why_it_is_not_ready_is_believed_before_the_roll_out(conditions: list[Any]) -> None:
    """With Meetup gone from the start no pod becomes ready, and "the pod is starting" would say nothing for hours."""
    deployment = {**NOT_AVAILABLE, "status": {**NOT_AVAILABLE["status"], "conditions": conditions}}
    status = observed(deployment=deployment, scrape=a_scrape(connected=False, not_ready="Meetup does not answer"))
    ready = condition_of(status, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Disconnected")
    assert ready["message"] == "Meetup does not answer"
    assert states(status)["Degraded"] == ("False", "AsExpected")


def test_a_pod_that_cannot_be_read_yet_is_starting() -> None:
    status = observed(deployment=NOT_AVAILABLE, scrape=a_scrape(unreadable="refused", connected=None))
    assert states(status)["Ready"] == ("False", "RollingOut")


def test_a_stream_that_rejects_every_line_is_not_ready_and_says_so() -> None:
    status = observed(scrape=a_scrape(stored=0, rejected=500))
    for kind, value in (("Ready", "False"), ("Streaming", "False"), ("Degraded", "True")):
        assert states(status)[kind] == (value, "AllRejected")
    assert "All 500 lines that came were rejected" in condition_of(status, "Ready")["message"]


def test_a_page_that_does_not_say_whether_it_is_connected_is_not_taken_for_connected() -> None:
    assert states(observed(scrape=a_scrape(connected=None)))["Streaming"] == ("Unknown", "Unreadable")


@pytest.mark.parametrize("text", ["a\nb\x1b[31mred", "\u202eevil\u200b", "x" * 100_000, "\x00\x07", ""])
def test_foreign_text_in_a_status_is_one_printable_line(text: str) -> None:
    for fields in (
        {"scrape": a_scrape(not_ready=text or " ")},
        {"pods": [waiting("CrashLoopBackOff")] if not text else [_waiting_with(text)]},
        {"problem": Problem("Refused", text)},
    ):
        for condition in observed(**fields)["conditions"]:
            assert condition["message"].isprintable()
            assert len(condition["message"]) <= 1024


@pytest.mark.parametrize("reason", ["Odd Reason", "", "1st", "x\ny", "Ünicode"])
def test_a_reason_that_the_api_server_would_refuse_is_not_written(reason: str) -> None:
    failed = {"type": "ReplicaFailure", "status": "True", "reason": reason, "message": "m"}
    deployment = {**ROLLED_OUT, "status": {**ROLLED_OUT["status"], "conditions": [failed]}}
    assert states(observed(deployment=deployment))["Degraded"] == ("True", "Unknown")


def _waiting_with(message: str) -> dict[str, Any]:
    container = {"state": {"waiting": {"reason": "CrashLoopBackOff", "message": message}}}
    return {"metadata": {"name": "p", "uid": "pod"}, "status": {"phase": "Pending", "containerStatuses": [container]}}


def test_ready_is_true_only_while_the_latest_spec_streams_or_cannot_be_asked() -> None:
    assert states(observed())["Ready"][0] == "True"
    assert states(observed(scrape=a_scrape(unreadable="x")))["Ready"][0] == "True"
    assert states(observed(scrape=a_scrape(unreadable="x")))["Streaming"][0] == "Unknown"
    assert states(observed(scrape=a_scrape(connected=False)))["Ready"][0] == "False"


def test_a_container_that_refuses_its_settings_is_told_apart_from_a_crash() -> None:
    refused = observed(pods=[waiting("CrashLoopBackOff", terminated={"exitCode": 2})])
    crashed = observed(pods=[waiting("CrashLoopBackOff", terminated={"exitCode": 137, "reason": "OOMKilled"})])
    assert "settings or its store are refused" in condition_of(refused, "Degraded")["message"]
    assert "exit code 137 (OOMKilled)" in condition_of(crashed, "Degraded")["message"]


@pytest.mark.parametrize(
    "condition",
    [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "m"},
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "m"},
    ],
)
def test_a_rollout_that_failed_degrades_the_feed(condition: dict[str, str]) -> None:
    deployment = {**ROLLED_OUT, "status": {**ROLLED_OUT["status"], "conditions": [condition]}}
    assert states(observed(deployment=deployment))["Degraded"] == ("True", condition["reason"])


def test_a_pod_no_node_takes_degrades_the_feed() -> None:
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    pod = {"metadata": {"name": "p", "uid": "pod"}, "status": {"phase": "Pending", "conditions": [unschedulable]}}
    status = observed(pods=[pod], scrape=None)
    assert states(status)["Degraded"] == ("True", "Unschedulable")


def test_the_transition_time_moves_only_with_the_status() -> None:
    before = observed()
    later = observed(previous=before, now=NOW + 60, scrape=a_scrape(unreadable="x"))
    assert condition_of(later, "Ready")["lastTransitionTime"] == AT
    assert condition_of(later, "Ready")["reason"] != condition_of(before, "Ready")["reason"]
    assert condition_of(later, "Streaming")["lastTransitionTime"] == "2023-11-14T22:14:20Z"


def test_the_rate_is_of_two_readings_of_one_pod() -> None:
    earlier = a_scrape(at=NOW - 30, stored=100)
    assert observed(earlier=earlier, scrape=a_scrape(stored=140))["recordsPerMinute"] == 80
    assert "recordsPerMinute" not in observed(earlier=None, scrape=a_scrape(stored=140))
    assert "recordsPerMinute" not in observed(earlier=earlier, scrape=a_scrape(stored=140, pod_uid="other"))
    assert "recordsPerMinute" not in observed(earlier=earlier, scrape=a_scrape(stored=5))


def test_figures_outlive_the_pod_they_came_from() -> None:
    before = observed(scrape=a_scrape(last_record=NOW, cursor=NOW - 5, rejected=7))
    assert before["lastRecordTime"] == AT
    after = observed(previous=before, scrape=None, paused=True)
    assert (after["lastRecordTime"], after["cursor"], after["rejected"]) == (AT, before["cursor"], 7)
    assert after["recordsPerMinute"] == 0


def test_figures_are_written_only_with_a_reading_of_ones_own() -> None:
    before = observed(scrape=a_scrape(last_record=NOW - 5))
    after = observed(previous=before, scrape=a_scrape(last_record=NOW))
    assert worth_writing(before, after, fresh=True, seconds=FIGURES_SECONDS)
    assert not worth_writing(before, after, fresh=False, seconds=FIGURES_SECONDS)
    assert worth_writing(before, observed(previous=before, generation=4), fresh=False, seconds=0)
    assert not worth_writing(before, dict(before), fresh=True, seconds=FIGURES_SECONDS)


@pytest.mark.parametrize(
    ("before", "after", "at_once"),
    [
        ({"last_record": NOW - 5}, {"last_record": NOW}, False),
        ({"stored": 140}, {"stored": 142}, False),
        ({}, {"last_record": NOW}, True),
        ({"stored": 140}, {"stored": 100}, True),
        ({"stored": 140}, {"stored": 240}, True),
        ({"rejected": 0}, {"rejected": 1}, True),
        ({}, {"not_ready": "the bucket cannot be written"}, True),
    ],
    ids=[
        "a clock goes on",
        "a rate moves a little",
        "a first record",
        "a stop",
        "a burst",
        "a rejected line",
        "a reason",
    ],
)
def test_a_figure_that_tells_something_new_is_written_at_once_and_a_clock_that_goes_on_is_not(
    before: dict[str, Any], after: dict[str, Any], at_once: bool
) -> None:
    earlier = a_scrape(at=NOW - 30, stored=100)
    was = observed(earlier=earlier, scrape=a_scrape(**before))
    now = observed(previous=was, earlier=earlier, scrape=a_scrape(**after))
    assert worth_writing(was, now, fresh=True, seconds=5) is at_once


LEDGER = Ledger(
    since=NOW - 3600,
    connections={"overlap": 4, "gap": 1, "unproven": 1},
    lines={"received": 100, "stored": 90, "duplicate": 8, "rejected": 2},
    last_gap=(NOW - 600, NOW - 60),
)


def test_the_ledger_is_told_with_both_ends_of_its_last_gap() -> None:
    assert observed(scrape=a_scrape(ledger=LEDGER))["ledger"] == {
        "since": "2023-11-14T21:13:20Z",
        "connects": 6,
        "gaps": 1,
        "overlaps": 4,
        "received": 100,
        "stored": 90,
        "duplicate": 8,
        "rejected": 2,
        "lastGap": {"from": "2023-11-14T22:03:20Z", "to": "2023-11-14T22:12:20Z"},
    }


def test_the_last_gap_stays_when_the_ledgers_day_is_over() -> None:
    before = observed(scrape=a_scrape(ledger=LEDGER))
    after = observed(previous=before, scrape=a_scrape(ledger=replace(LEDGER, last_gap=None, connections={})))
    assert after["ledger"]["gaps"] == 0
    assert after["ledger"]["lastGap"] == before["ledger"]["lastGap"]


def test_a_pod_that_has_not_read_its_ledger_yet_leaves_the_figures_as_they_were() -> None:
    before = observed(scrape=a_scrape(ledger=LEDGER))
    assert observed(previous=before, scrape=a_scrape(ledger=None))["ledger"] == before["ledger"]
    assert "ledger" not in observed(scrape=a_scrape(ledger=None))

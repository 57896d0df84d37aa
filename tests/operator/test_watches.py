"""Watches that end, whatever ends them, are set up again; and until then ``/readyz`` says what is wrong."""

import time
from pathlib import Path

import pytest

from .cluster import Cluster, eventually
from .conftest import StartOperator
from .operator_process import Operator, an_operator

pytestmark = pytest.mark.faults

SLOW_RESYNC = {"RESYNC_SECONDS": "300"}
"""Longer than a test: what is noticed is noticed by the watches."""
WATCHES = 5


def watched(cluster: Cluster) -> None:
    eventually(lambda: cluster.live_watches() >= WATCHES, "the watches are up")


def assert_watching(cluster: Cluster, operator: Operator, feed: str) -> None:
    """A new feed is noticed by the watch, and the operator is ready."""
    watched(cluster)
    cluster.create_feed(feed, feed="rsvps", label=feed)
    assert cluster.deployment(feed)
    eventually(lambda: operator.get("/readyz").status_code == 200, "the operator is ready")
    assert operator.process.poll() is None


@pytest.mark.parametrize("resync", ["300", "2"])
def test_a_crd_that_is_deleted_and_made_again_is_watched_again(
    own_cluster: Cluster, tmp_path: Path, resync: str
) -> None:
    with an_operator(own_cluster, tmp_path, RESYNC_SECONDS=resync) as operator:
        assert_watching(own_cluster, operator, "before")
        for n in range(2):
            own_cluster.delete_crd()
            eventually(lambda: operator.get("/readyz").status_code == 503, "it is not ready")
            eventually(lambda: _says_missing(operator), "what is missing is said")
            own_cluster.apply_crd()
            assert_watching(own_cluster, operator, f"after-{n}")
        assert operator.get("/livez").status_code == 200
        assert operator.stop() == 0


def _says_missing(operator: Operator) -> bool:
    text = operator.get("/readyz").text
    return "does not announce MeetupFeeds" in text or "is not installed" in text


def test_a_crd_that_is_made_again_at_once_is_watched_again(own_cluster: Cluster, tmp_path: Path) -> None:
    with an_operator(own_cluster, tmp_path, **SLOW_RESYNC) as operator:
        assert_watching(own_cluster, operator, "before")
        for n in range(5):
            own_cluster.delete_crd()
            own_cluster.apply_crd()
            eventually(lambda: own_cluster.live_watches() >= WATCHES, "the watches are up again")
            assert_watching(own_cluster, operator, f"after-{n}")


@pytest.mark.parametrize("status", [403, 404, 410, 429, 500, 502, 503])
def test_a_watch_that_the_api_server_refuses_for_a_while_is_set_up_again(
    faulty_cluster: Cluster, start_operator: StartOperator, status: int
) -> None:
    operator = start_operator(**SLOW_RESYNC)
    watched(faulty_cluster)
    faulty_cluster.inject({"verbs": ["watch"], "plurals": ["meetupfeeds"], "status": status, "count": 10**6})
    faulty_cluster.disturb_watches("cut")
    eventually(lambda: f"answers {status}" in operator.get("/readyz").text or _ended(operator), "the reason is said")
    faulty_cluster.inject()
    assert_watching(faulty_cluster, operator, "after")


def _ended(operator: Operator) -> bool:
    return "changes of meetupfeeds are not watched: the watch ended" in operator.get("/readyz").text


@pytest.mark.parametrize("status", [403, 404, 500])
def test_rights_that_are_withdrawn_and_given_back_leave_nothing_behind(
    faulty_cluster: Cluster, start_operator: StartOperator, status: int
) -> None:
    operator = start_operator()
    watched(faulty_cluster)
    faulty_cluster.inject({"verbs": ["list", "watch", "get", "apply", "patch"], "status": status, "count": 10**6})
    faulty_cluster.disturb_watches("cut")
    eventually(lambda: operator.get("/readyz").status_code == 503, "the operator is not ready")
    faulty_cluster.inject()
    assert_watching(faulty_cluster, operator, "after")


def test_one_watch_that_ends_leaves_the_others_alone(faulty_cluster: Cluster, start_operator: StartOperator) -> None:
    operator = start_operator(**SLOW_RESYNC)
    watched(faulty_cluster)
    faulty_cluster.inject({"verbs": ["watch"], "plurals": ["networkpolicies"], "status": 403, "count": 10**6})
    faulty_cluster.disturb_watches("cut")
    eventually(lambda: "changes of networkpolicies are not watched" in operator.get("/readyz").text, "it is said")
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    assert faulty_cluster.deployment("rsvps")


def test_watches_that_end_again_and_again_neither_kill_the_operator_nor_hurt_a_reconciliation(
    faulty_cluster: Cluster, start_operator: StartOperator
) -> None:
    """kopf arms a SIGKILL 20 s after its end, and cancels whatever task its loop began meanwhile."""
    operator = start_operator(**SLOW_RESYNC)
    for n in range(4):
        watched(faulty_cluster)
        faulty_cluster.disturb_watches("break")
        faulty_cluster.create_feed(f"feed-{n}", feed="rsvps", label=f"l{n}")
    for n in range(4):
        assert faulty_cluster.deployment(f"feed-{n}")
        faulty_cluster.wait_for_condition(f"feed-{n}", "Degraded", "False", "AsExpected")
    assert_watching(faulty_cluster, operator, "after")
    eventually(lambda: _uptime(operator) > 25, "the time at which it was killed has passed", seconds=60)
    assert operator.stop() == 0


def _uptime(operator: Operator) -> float:
    page = operator.get("/metrics")
    assert page.status_code == 200
    return time.time() - operator.metric("meetup_start_timestamp_seconds")


def test_an_api_server_that_redirects_is_not_followed(faulty_cluster: Cluster, start_operator: StartOperator) -> None:
    target = f"{faulty_cluster.server}/elsewhere?token=secret"
    faulty_cluster.inject({"verbs": ["list"], "status": 307, "location": target, "count": 10**6})
    operator = start_operator(wait="no")
    eventually(lambda: "redirects to" in operator.get("/readyz").text, "the redirect is said")
    assert "secret" not in operator.get("/readyz").text
    faulty_cluster.inject()
    eventually(lambda: operator.get("/readyz").status_code == 200, "the operator is ready")


BODIES = {
    "empty": "",
    "a list": "[]",
    "null": "null",
    "text": '"text"',
    "cut": "{",
    "nested": "[" * 100_000,
    "nested items": '{"items": ' * 20_000,
    "escapes": "\x1b[31mred\u202e",
    "a cut Status": '{"kind":"Status"',
}


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_is_no_object_is_an_outage_and_no_crash(
    faulty_cluster: Cluster, start_operator: StartOperator, status: int
) -> None:
    operator = start_operator(RESYNC_SECONDS="1")
    for what, body in BODIES.items():
        faulty_cluster.inject({"verbs": ["list"], "status": status, "body": body, "count": 10**6})
        eventually(lambda: "cannot be listed: list" in operator.get("/readyz").text, f"{what}: why is said")
        assert operator.get("/readyz").text.strip().isprintable()
        faulty_cluster.inject()
        eventually(lambda: operator.get("/readyz").status_code == 200, f"after {what} the operator is ready")
    assert not operator.events("crash")

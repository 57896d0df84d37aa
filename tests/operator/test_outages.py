"""What becomes of the feeds while the API server, the watches or the operator fail."""

import signal

import pytest

from .cluster import Body, Cluster, eventually
from .conftest import StartOperator

pytestmark = pytest.mark.faults

SLOW_RESYNC = {"RESYNC_SECONDS": "300"}
"""Longer than a test: what is noticed is noticed by the watches."""


OWNED = ("deployments", "serviceaccounts", "networkpolicies")


def _versions(cluster: Cluster, *plurals: str) -> list[str]:
    return [body["metadata"]["resourceVersion"] for plural in plurals for body in cluster.items(plural)]


def test_a_change_made_while_no_operator_ran_is_carried_out_after_the_restart(
    cluster: Cluster, start_operator: StartOperator
) -> None:
    first = start_operator("first")
    cluster.create_feed("rsvps", feed="rsvps")
    cluster.create_feed("photos", feed="photos")
    cluster.deployment("rsvps")
    cluster.deployment("photos")
    assert first.stop(with_signal=signal.SIGKILL) != 0
    cluster.merge("meetupfeeds", "rsvps", {"spec": {"paused": True}})
    cluster.delete("deployments", "photos-stream")
    cluster.create_feed("comments", feed="event_comments")
    start_operator("second")
    eventually(lambda: cluster.deployment("rsvps")["spec"]["replicas"] == 0, "the change is carried out")
    cluster.deployment("photos")
    cluster.deployment("comments")


def test_a_restart_changes_nothing_that_is_as_it_should_be(
    quiet_cluster: Cluster, start_operator: StartOperator
) -> None:
    first = start_operator("first")
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    quiet_cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    before, condition = _versions(quiet_cluster, *OWNED), quiet_cluster.condition("rsvps", "Ready")
    assert first.stop() == 0
    second = start_operator("second")
    eventually(lambda: second.metric("meetup_operator_reconciles_total", outcome="succeeded"), "a reconciliation")
    second.wait_for_resyncs()
    assert _versions(quiet_cluster, *OWNED) == before
    assert quiet_cluster.condition("rsvps", "Ready")["lastTransitionTime"] == condition["lastTransitionTime"]


def test_two_operators_at_once_make_one_state_and_then_are_quiet(
    quiet_cluster: Cluster, start_operator: StartOperator
) -> None:
    first, second = start_operator("first", STATUS_SECONDS="600"), start_operator("second", STATUS_SECONDS="600")
    for name in ("rsvps", "photos", "open_events"):
        quiet_cluster.create_feed(name.replace("_", "-"), feed=name)
    for name in ("rsvps", "photos", "open-events"):
        quiet_cluster.wait_for_condition(name, "Degraded", "False", "AsExpected")
    first.wait_for_resyncs()
    second.wait_for_resyncs()

    before = _versions(quiet_cluster, *OWNED, "meetupfeeds")
    first.wait_for_resyncs()
    second.wait_for_resyncs()
    assert _versions(quiet_cluster, *OWNED, "meetupfeeds") == before
    quiet_cluster.merge("meetupfeeds", "rsvps", {"spec": {"paused": True}})
    eventually(lambda: quiet_cluster.deployment("rsvps")["spec"]["replicas"] == 0, "the change is carried out")


def test_watches_that_were_cut_go_on(faulty_cluster: Cluster, start_operator: StartOperator) -> None:
    start_operator(**SLOW_RESYNC)
    eventually(lambda: faulty_cluster.live_watches() >= 5, "the watches are up")
    faulty_cluster.disturb_watches("cut")
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    assert faulty_cluster.deployment("rsvps")


def test_watches_whose_history_is_gone_start_from_a_new_list(
    faulty_cluster: Cluster, start_operator: StartOperator
) -> None:
    start_operator(**SLOW_RESYNC)
    eventually(lambda: faulty_cluster.live_watches() >= 5, "the watches are up")
    faulty_cluster.inject({"verbs": ["watch"], "status": 500, "count": 5})
    faulty_cluster.disturb_watches("expire")
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    assert faulty_cluster.deployment("rsvps")


def test_watches_that_end_by_an_error_are_set_up_anew(faulty_cluster: Cluster, start_operator: StartOperator) -> None:
    operator = start_operator(**SLOW_RESYNC)
    eventually(lambda: faulty_cluster.live_watches() >= 5, "the watches are up")
    faulty_cluster.disturb_watches("break")
    eventually(lambda: operator.metric("meetup_operator_watch_failures_total"), "the failure is counted")
    eventually(lambda: faulty_cluster.live_watches() >= 5, "the watches are up again")
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    assert faulty_cluster.deployment("rsvps")
    assert operator.stop() == 0


def test_dead_watches_are_made_up_for_by_the_resync(faulty_cluster: Cluster, start_operator: StartOperator) -> None:
    start_operator()
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    faulty_cluster.deployment("rsvps")
    eventually(lambda: faulty_cluster.live_watches() >= 5, "the watches are up")
    faulty_cluster.disturb_watches("freeze")
    faulty_cluster.delete("deployments", "rsvps-stream")
    faulty_cluster.create_feed("photos", feed="photos")
    assert faulty_cluster.deployment("rsvps")
    assert faulty_cluster.deployment("photos")


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": 1},
        {"status": 500},
        {"status": 409},
        {"hang": True},
    ],
    ids=lambda fault: str(fault.get("status", "hang")),
)
def test_a_refused_apply_is_tried_again(faulty_cluster: Cluster, start_operator: StartOperator, fault: Body) -> None:
    operator = start_operator(REQUEST_SECONDS="1")
    faulty_cluster.inject({"verbs": ["apply"], "count": 2, **fault})
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    assert faulty_cluster.deployment("rsvps")
    faulty_cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    assert operator.events("retry")
    assert operator.process.poll() is None


def test_a_throttled_server_is_left_alone_as_long_as_it_asks(
    faulty_cluster: Cluster, start_operator: StartOperator
) -> None:
    operator = start_operator()
    faulty_cluster.inject(
        {"verbs": ["apply"], "plurals": ["serviceaccounts"], "status": 429, "count": 1, "retry_after": 3}
    )
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    assert faulty_cluster.deployment("rsvps")
    told = [line for line in operator.events("retry") if "429" in str(line["message"])]
    assert [float(str(line["wait_seconds"])) >= 3 for line in told] == [True]


def test_an_operator_started_during_an_outage_works_after_it(
    faulty_cluster: Cluster, start_operator: StartOperator
) -> None:
    faulty_cluster.inject({"verbs": ["list", "watch"], "status": 503, "count": 10**6})
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    operator = start_operator(wait="no")
    eventually(lambda: "503" in operator.get("/readyz").text, "why it is not ready is said")
    assert operator.get("/livez").status_code == 200
    faulty_cluster.inject()
    assert faulty_cluster.deployment("rsvps")


def test_a_kind_that_is_announced_late_is_watched_all_the_same(
    faulty_cluster: Cluster, start_operator: StartOperator
) -> None:
    faulty_cluster.announce_feeds(announced=False)
    operator = start_operator(wait="no", **SLOW_RESYNC)
    eventually(lambda: "does not announce" in operator.get("/readyz").text, "why it is not ready is said")
    faulty_cluster.announce_feeds(announced=True)
    eventually(lambda: faulty_cluster.live_watches() >= 5, "the watches are up")
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    assert faulty_cluster.deployment("rsvps")


def test_an_operator_without_its_crd_says_so(faulty_cluster: Cluster, start_operator: StartOperator) -> None:
    faulty_cluster.inject({"verbs": ["list"], "plurals": ["meetupfeeds"], "status": 404, "count": 10**6})
    operator = start_operator(wait="no")
    told = "the CRD meetupfeeds.meetup-analysis.dev is not installed"
    eventually(lambda: told in operator.get("/readyz").text, "what is missing is said")
    faulty_cluster.inject()
    eventually(lambda: operator.get("/readyz").status_code == 200, "the operator is ready")


def test_an_operator_without_its_rights_says_so(faulty_cluster: Cluster, start_operator: StartOperator) -> None:
    operator = start_operator()
    faulty_cluster.inject({"verbs": ["apply"], "plurals": ["networkpolicies"], "status": 403, "count": 10**6})
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    condition = faulty_cluster.wait_for_condition("rsvps", "Degraded", "True", "Forbidden")
    assert "networkpolicies" in condition["message"]
    faulty_cluster.inject()
    faulty_cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    assert operator.process.poll() is None


def test_lost_events_stop_nothing(faulty_cluster: Cluster, start_operator: StartOperator) -> None:
    operator = start_operator()
    faulty_cluster.inject({"plurals": ["events"], "status": 500, "count": 10**6})
    faulty_cluster.create_feed("rsvps", feed="rsvps")
    faulty_cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    eventually(lambda: operator.metric("meetup_operator_events_lost_total"), "the lost events are counted")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_operator_with_exit_code_0(
    cluster: Cluster, start_operator: StartOperator, number: int
) -> None:
    operator = start_operator()
    cluster.create_feed("rsvps", feed="rsvps")
    cluster.deployment("rsvps")
    assert operator.stop(with_signal=number) == 0
    assert operator.events("stopped")


def test_a_signal_during_the_start_ends_the_operator_with_exit_code_0(
    faulty_cluster: Cluster, start_operator: StartOperator
) -> None:
    faulty_cluster.inject({"verbs": ["list"], "hang": True, "count": 10**6})
    operator = start_operator(wait="no")
    assert operator.get("/readyz").status_code == 503
    assert operator.stop() == 0

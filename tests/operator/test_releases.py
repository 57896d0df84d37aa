"""Two operators for one namespace: of equal settings both work as one, of others one stands by."""

import signal
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from .cluster import Cluster, eventually
from .conftest import StartOperator
from .operator_process import an_operator

pytestmark = pytest.mark.faults


def generation(cluster: Cluster, feed: str) -> int:
    return int(cluster.deployment(feed)["metadata"]["generation"])


def holder(cluster: Cluster) -> str:
    lease = cluster.get("leases", "meetup-feed-operator") or {}
    return str(lease.get("spec", {}).get("holderIdentity", ""))


def test_a_second_release_of_other_settings_stands_by_and_says_who_serves(
    cluster: Cluster, start_operator: StartOperator
) -> None:
    first = start_operator("first", IMAGE="registry.invalid/stream:1")
    cluster.create_feed("rsvps", feed="rsvps")
    cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    before = generation(cluster, "rsvps")
    second = start_operator("second", wait="no", IMAGE="registry.invalid/stream:2")
    eventually(lambda: "stands by" in second.get("/readyz").text, "who serves is said")
    assert holder(cluster) in second.get("/readyz").text
    first.wait_for_resyncs(3)
    assert generation(cluster, "rsvps") == before
    assert first.get("/readyz").status_code == 200
    assert first.stop() == 0
    eventually(lambda: second.get("/readyz").status_code == 200, "the second serves")
    eventually(lambda: _image(cluster) == "registry.invalid/stream:2", "the second's settings hold")


def test_a_release_that_died_without_a_word_is_followed_when_its_lease_has_run_out(
    cluster: Cluster, start_operator: StartOperator
) -> None:
    first = start_operator("first", IMAGE="registry.invalid/stream:1")
    cluster.create_feed("rsvps", feed="rsvps")
    cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    assert first.stop(with_signal=signal.SIGKILL) != 0
    start_operator("second", wait="no", IMAGE="registry.invalid/stream:2")
    eventually(lambda: _image(cluster) == "registry.invalid/stream:2", "the second serves")


def test_two_equal_operators_serve_together_and_post_each_event_once(
    quiet_cluster: Cluster, start_operator: StartOperator
) -> None:
    cluster = quiet_cluster
    first, second = start_operator("first"), start_operator("second")
    for n in range(8):
        cluster.create_feed(f"feed-{n}", feed="rsvps", label=f"l{n}")
    for n in range(8):
        cluster.wait_for_condition(f"feed-{n}", "Degraded", "False", "AsExpected")
    first.wait_for_resyncs()
    second.wait_for_resyncs()
    assert first.get("/readyz").status_code == second.get("/readyz").status_code == 200
    for n in range(8):
        counted = Counter(cluster.events(f"feed-{n}"))
        assert counted["Created", f"Deployment feed-{n}-stream created"] == 1
        assert max(counted.values()) == 1, counted


def test_a_namespace_that_is_being_deleted_costs_no_warnings(
    faulty_cluster: Cluster, start_operator: StartOperator
) -> None:
    cluster = faulty_cluster
    operator = start_operator()
    for n in range(20):
        cluster.create_feed(f"feed-{n}", feed="rsvps", label=f"l{n}")
    for n in range(20):
        cluster.wait_for_condition(f"feed-{n}", "Degraded", "False", "AsExpected")
    ends = {"details": {"causes": [{"reason": "NamespaceTerminating", "message": "it is being terminated"}]}}
    fault = {"verbs": ["apply", "create"], "status": 403, "count": 10**6, "details": ends}
    cluster.inject({**fault, "plurals": ["deployments", "serviceaccounts", "networkpolicies", "events"]})
    before = len(operator.lines("WARNING"))
    for n in range(20):
        for plural in ("deployments", "serviceaccounts", "networkpolicies"):
            cluster.delete(plural, f"feed-{n}-stream")
    operator.wait_for_resyncs()
    for n in range(20):
        cluster.delete("meetupfeeds", f"feed-{n}")
    operator.wait_for_resyncs()
    assert operator.lines("WARNING")[before:] == []
    assert operator.metric("meetup_operator_events_lost_total") == 0


def test_a_hundred_feeds_that_are_refused_cost_a_few_lines_and_not_a_hundred(
    faulty_cluster: Cluster, start_operator: StartOperator
) -> None:
    operator, began = start_operator(), time.monotonic()
    faulty_cluster.inject({"verbs": ["apply"], "plurals": ["serviceaccounts"], "status": 403, "count": 10**6})
    for n in range(40):
        faulty_cluster.create_feed(f"feed-{n}", feed="rsvps", label=f"l{n}")
    for n in range(40):
        faulty_cluster.wait_for_condition(f"feed-{n}", "Degraded", "True", "Forbidden")
    minutes = 1 + int(time.monotonic() - began) // 60  # what repeats itself is told once a minute
    assert len(operator.lines("WARNING")) <= 5 * minutes


def _image(cluster: Cluster) -> str:
    containers = cluster.deployment("rsvps")["spec"]["template"]["spec"]["containers"]
    return str(containers[0]["image"])


@pytest.mark.parametrize("first", ["*", "namespaced"])
def test_an_operator_of_all_namespaces_and_one_of_this_namespace_do_not_fight(
    own_cluster: Cluster, tmp_path: Path, first: str
) -> None:
    """Whichever came first serves; the other leaves the feeds alone."""
    if own_cluster.server.startswith("https://"):
        pytest.skip("the operator's account of a real API server has the rights of one namespace")
    own_cluster.proxy = ""  # which knows requests of one namespace
    config = yaml.safe_load(own_cluster.kubeconfig())
    config["users"][0]["user"] = {"token": "admin"}
    everywhere = {"NAMESPACE": "*", "IMAGE": "registry.invalid/stream:all", "kubeconfig": yaml.safe_dump(config)}
    here = {"IMAGE": "registry.invalid/stream:here"}
    order = [everywhere, here] if first == "*" else [here, everywhere]
    with an_operator(own_cluster, tmp_path, "first", **order[0]) as one:
        own_cluster.create_feed("rsvps", feed="rsvps")
        own_cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
        before = generation(own_cluster, "rsvps")
        with an_operator(own_cluster, tmp_path, "second", wait="no", **order[1]) as two:
            eventually(lambda: two.events("lease_standby"), "the second stands by and says so")
            eventually(lambda: two.metric("meetup_operator_standby_namespaces") == 1, "it is counted")
            one.wait_for_resyncs(3)
            assert generation(own_cluster, "rsvps") == before
            assert _image(own_cluster) == order[0]["IMAGE"]
            assert two.stop() == 0

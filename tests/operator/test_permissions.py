"""Who may create a MeetupFeed holds neither every address nor every bucket."""

import json
from collections.abc import Iterator

import pytest

from .cluster import Cluster, eventually
from .conftest import OpenCluster, StartOperator
from .operator_process import Operator, an_operator

ROW = {"idField": "id", "timeField": "t"}


@pytest.fixture(scope="module")
def served(open_cluster: OpenCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Operator]]:
    """One operator for all that it refuses: nothing is left of a refused feed."""
    with open_cluster() as cluster, an_operator(cluster, tmp_path_factory.mktemp("refused")) as operator:
        yield cluster, operator


@pytest.mark.parametrize(
    "spec",
    [
        {"feed": "rsvps", "url": "http://169.254.169.254/computeMetadata/v1/"},
        {"feed": "talks", "row": ROW, "url": "http://payments.internal:8080/"},
        {"feed": "rsvps", "url": "https://streams.example.evil.test/"},
        {"feed": "rsvps", "bucket": "payroll"},
        {"feed": "rsvps", "bucket": "records/other"},
    ],
    ids=lambda spec: spec.get("url") or spec["bucket"],
)
def test_a_feed_that_names_what_is_not_allowed_gets_no_pod_and_says_why(
    served: tuple[Cluster, Operator], spec: dict[str, object]
) -> None:
    cluster, operator = served
    cluster.create_feed("eve", **spec)
    condition = cluster.wait_for_condition("eve", "Degraded", "True", "NotAllowed")
    assert "streams.allowed" in condition["message"]
    operator.wait_for_resyncs()
    for plural in ("deployments", "serviceaccounts", "networkpolicies"):
        assert cluster.get(plural, "eve-stream") is None
    cluster.delete("meetupfeeds", "eve")


def test_a_running_feed_that_is_no_longer_allowed_is_stopped_and_goes_on_when_it_is_again(
    quiet_cluster: Cluster, start_operator: StartOperator
) -> None:
    cluster = quiet_cluster
    allowed = {"ALLOWED_URLS": json.dumps(["https://one.example", "https://two.example/2"])}
    first = start_operator("first", **allowed)
    cluster.create_feed("rsvps", feed="rsvps", url="https://two.example/2/rsvps")
    cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    assert cluster.deployment("rsvps")["spec"]["replicas"] == 1
    assert first.stop() == 0
    second = start_operator("second", ALLOWED_URLS='["https://one.example"]')
    cluster.wait_for_condition("rsvps", "Degraded", "True", "NotAllowed")
    eventually(lambda: cluster.deployment("rsvps")["spec"]["replicas"] == 0, "the feed is stopped")
    stopped = ("Stopped", "Deployment rsvps-stream stopped")
    eventually(lambda: stopped in cluster.events("rsvps"), "an event tells of it")
    cluster.merge("deployments", "rsvps-stream", {"spec": {"replicas": 1}}, subresource="scale", by="kubectl")
    eventually(lambda: cluster.deployment("rsvps")["spec"]["replicas"] == 0, "it is stopped again")
    assert second.stop() == 0
    start_operator("third", **allowed)
    eventually(lambda: cluster.deployment("rsvps")["spec"]["replicas"] == 1, "the feed goes on")
    cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")


def test_two_feeds_of_one_label_in_one_second_never_both_run(cluster: Cluster, start_operator: StartOperator) -> None:
    operator = start_operator()
    pairs = [(f"a{n}", f"b{n}") for n in range(6)]
    for n, pair in enumerate(pairs):
        for name in pair:
            cluster.create_feed(name, feed="rsvps", label=f"l{n}")

    def reasons(pair: tuple[str, str]) -> set[str]:
        return {cluster.condition(name, "Degraded").get("reason", "") for name in pair}

    def running(pair: tuple[str, str]) -> int:
        found = [cluster.get("deployments", f"{name}-stream") for name in pair]
        return sum(body["spec"]["replicas"] for body in found if body)

    refused = {"LabelTaken", "AsExpected"}
    eventually(lambda: all(reasons(pair) == refused for pair in pairs), "one of each two is refused")
    eventually(lambda: all(running(pair) == 1 for pair in pairs), "one of each two runs")
    operator.wait_for_resyncs(3)
    for pair in pairs:
        assert running(pair) == 1
        assert reasons(pair) == refused


def test_the_feed_that_runs_keeps_its_label_when_another_of_the_same_second_appears(
    cluster: Cluster, start_operator: StartOperator
) -> None:
    operator = start_operator()
    for n in range(4):  # by the uid alone, each would lose with even odds
        cluster.create_feed(f"elder-{n}", feed="rsvps", label=f"l{n}")
        cluster.deployment(f"elder-{n}")
        cluster.create_feed(f"younger-{n}", feed="rsvps", label=f"l{n}")
    for n in range(4):
        cluster.wait_for_condition(f"younger-{n}", "Degraded", "True", "LabelTaken")
        cluster.wait_for_condition(f"elder-{n}", "Degraded", "False", "AsExpected")
    operator.wait_for_resyncs()
    for n in range(4):
        assert cluster.deployment(f"elder-{n}")["spec"]["replicas"] == 1
        assert cluster.get("deployments", f"younger-{n}-stream") is None

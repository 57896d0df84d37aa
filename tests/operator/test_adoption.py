"""What is there already under a name that a feed needs, and whose it is."""

from typing import Any

import pytest

from .cluster import Body, Cluster, eventually
from .conftest import StartOperator

OTHER_LABELS = {"app": "payments"}
SPECS: dict[str, Body] = {
    "serviceaccounts": {"automountServiceAccountToken": True},
    "networkpolicies": {"spec": {"podSelector": {"matchLabels": OTHER_LABELS}, "policyTypes": ["Ingress"]}},
    "deployments": {
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": OTHER_LABELS},
            "template": {
                "metadata": {"labels": OTHER_LABELS},
                "spec": {"containers": [{"name": "payments", "image": "payments:1"}]},
            },
        }
    },
}
OURS = {"app.kubernetes.io/managed-by": "meetup-feed-operator", "meetup-analysis.dev/feed": "payments"}
OTHERS = ("controlled", "owned", "with our labels", "with one of our labels")
"""Each stands still for some seconds to show that nothing is touched, so by day one kind does."""
KINDS = {"serviceaccounts": "ServiceAccount", "networkpolicies": "NetworkPolicy", "deployments": "Deployment"}


def an_owner(cluster: Cluster, **fields: Any) -> Body:
    owner = cluster.create("serviceaccounts", {"metadata": {"name": "owner"}})
    meta = owner["metadata"]
    return {"apiVersion": "v1", "kind": "ServiceAccount", "name": "owner", "uid": meta["uid"], **fields}


def make(cluster: Cluster, plural: str, **meta: Any) -> Body:
    return cluster.create(plural, {"metadata": {"name": "payments-stream", **meta}, **SPECS[plural]})


def assert_left_alone(cluster: Cluster, plural: str, before: Body) -> None:
    assert cluster.get(plural, "payments-stream") == before
    for other in SPECS.keys() - {plural}:
        assert cluster.get(other, "payments-stream") is None, other


@pytest.mark.parametrize("plural", SPECS)
@pytest.mark.parametrize("whose", ["by hand", *(pytest.param(whose, marks=pytest.mark.faults) for whose in OTHERS)])
def test_an_object_of_somebody_else_is_left_alone_and_the_feed_says_so(
    quiet_cluster: Cluster, start_operator: StartOperator, plural: str, whose: str
) -> None:
    cluster = quiet_cluster
    meta: Body = {"labels": OTHER_LABELS}
    if whose in ("controlled", "owned", "with our labels"):
        meta["ownerReferences"] = [an_owner(cluster, **({"controller": True} if whose == "controlled" else {}))]
    if whose == "with our labels":
        meta["labels"] = OURS
    if whose == "with one of our labels":
        meta["labels"] = {"app.kubernetes.io/managed-by": "meetup-feed-operator"}
    before = make(cluster, plural, **meta)
    operator = start_operator()
    cluster.create_feed("payments", feed="rsvps")
    condition = cluster.wait_for_condition("payments", "Degraded", "True", "NameTaken")
    assert f"{KINDS[plural]} payments-stream" in condition["message"]
    assert cluster.wait_for_condition("payments", "Ready", "False", "NameTaken")
    operator.wait_for_resyncs()
    assert_left_alone(cluster, plural, before)
    cluster.delete("meetupfeeds", "payments")
    operator.wait_for_resyncs()
    assert_left_alone(cluster, plural, before)


@pytest.mark.parametrize("plural", SPECS)
def test_a_name_that_becomes_free_is_taken(cluster: Cluster, start_operator: StartOperator, plural: str) -> None:
    make(cluster, plural)
    start_operator()
    cluster.create_feed("payments", feed="rsvps")
    cluster.wait_for_condition("payments", "Degraded", "True", "NameTaken")
    cluster.delete(plural, "payments-stream")
    cluster.wait_for_condition("payments", "Degraded", "False", "AsExpected")
    assert cluster.get(plural, "payments-stream")


def test_an_object_that_lost_its_owner_and_bears_the_feeds_labels_is_taken_back(
    quiet_cluster: Cluster, start_operator: StartOperator
) -> None:
    make(quiet_cluster, "serviceaccounts", labels=OURS)
    start_operator()
    feed = quiet_cluster.create_feed("payments", feed="rsvps")

    def owned() -> bool:
        body = quiet_cluster.get("serviceaccounts", "payments-stream") or {}
        return [o["uid"] for o in body["metadata"].get("ownerReferences", [])] == [feed["metadata"]["uid"]]

    eventually(owned, "the account is the feed's")
    quiet_cluster.wait_for_condition("payments", "Degraded", "False", "AsExpected")


def test_the_objects_of_a_deleted_feed_of_the_same_name_are_waited_for(
    quiet_cluster: Cluster, start_operator: StartOperator
) -> None:
    """Until the garbage collector has taken them; to own them too would leave two controllers."""
    start_operator()
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    quiet_cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    quiet_cluster.delete("meetupfeeds", "rsvps")
    after = quiet_cluster.create_feed("rsvps", feed="rsvps", layout="batch")
    condition = quiet_cluster.wait_for_condition("rsvps", "Degraded", "True", "NameTaken")
    assert "waits for the garbage collector" in condition["message"]
    for plural in SPECS:
        quiet_cluster.delete(plural, "rsvps-stream")
    quiet_cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    owners = quiet_cluster.deployment("rsvps")["metadata"]["ownerReferences"]
    assert [owner["uid"] for owner in owners] == [after["metadata"]["uid"]]


def test_a_deployment_taken_by_another_controller_is_not_taken_back(
    quiet_cluster: Cluster, start_operator: StartOperator
) -> None:
    start_operator()
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    quiet_cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    owner = an_owner(quiet_cluster, controller=True)
    quiet_cluster.merge("deployments", "rsvps-stream", {"metadata": {"ownerReferences": [owner]}})
    quiet_cluster.wait_for_condition("rsvps", "Degraded", "True", "NameTaken")
    assert quiet_cluster.deployment("rsvps")["metadata"]["ownerReferences"] == [owner]

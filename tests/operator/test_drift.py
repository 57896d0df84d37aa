"""What somebody else does to a feed's objects is undone; on any API server."""

from collections.abc import Iterator

import pytest

from .cluster import Body, Cluster, eventually
from .conftest import OpenCluster, StartOperator
from .operator_process import an_operator


@pytest.fixture(scope="module")
def cluster(open_cluster: OpenCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One feed and one operator for all tests, since each leaves things as they should be."""
    with open_cluster() as cluster, an_operator(cluster, tmp_path_factory.mktemp("drift")):
        cluster.create_feed("rsvps", feed="rsvps")
        cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
        yield cluster


def test_a_deployment_scaled_by_hand_is_scaled_back(cluster: Cluster) -> None:
    cluster.merge("deployments", "rsvps-stream", {"spec": {"replicas": 3}}, subresource="scale", by="kubectl")
    eventually(lambda: cluster.deployment("rsvps")["spec"]["replicas"] == 1, "scaled back")


@pytest.mark.parametrize("plural", ["deployments", "serviceaccounts", "networkpolicies"])
def test_a_deleted_object_is_made_again(cluster: Cluster, plural: str) -> None:
    before = cluster.get(plural, "rsvps-stream") or {}
    cluster.delete(plural, "rsvps-stream")

    def made_again() -> bool:
        now = cluster.get(plural, "rsvps-stream")
        return now is not None and now["metadata"]["uid"] != before["metadata"]["uid"]

    eventually(made_again, f"{plural} is made again")
    told = "after someone else had changed or deleted it"
    eventually(lambda: any(told in message for _, message in cluster.events("rsvps")), "an event tells of it")


def test_an_image_changed_by_hand_is_changed_back(cluster: Cluster) -> None:
    containers = cluster.deployment("rsvps")["spec"]["template"]["spec"]["containers"]
    changed = [{**containers[0], "image": "evil.invalid/stream"}]
    cluster.merge("deployments", "rsvps-stream", {"spec": {"template": {"spec": {"containers": changed}}}})
    eventually(lambda: _container(cluster)["image"] == "registry.invalid/stream:test", "the image is back")


def test_a_variable_added_by_hand_is_removed(cluster: Cluster) -> None:
    cluster.strategic_env("rsvps", "STREAM_LOG_LEVEL", "DEBUG")
    eventually(lambda: "STREAM_LOG_LEVEL" not in cluster.environment("rsvps"), "the variable is gone")
    assert cluster.environment("rsvps")["STREAM_FEED"] == "rsvps"


def test_a_label_taken_away_by_hand_comes_back(cluster: Cluster) -> None:
    label = "app.kubernetes.io/managed-by"
    cluster.merge("deployments", "rsvps-stream", {"metadata": {"labels": {label: None}}})
    eventually(lambda: cluster.deployment("rsvps")["metadata"]["labels"].get(label), "the label is back")


def test_an_owner_taken_away_by_hand_comes_back(cluster: Cluster) -> None:
    cluster.merge("deployments", "rsvps-stream", {"metadata": {"ownerReferences": None}})
    eventually(lambda: cluster.deployment("rsvps")["metadata"].get("ownerReferences"), "the owner is back")


def test_an_opened_network_policy_is_closed_again(cluster: Cluster) -> None:
    cluster.merge("networkpolicies", "rsvps-stream", {"spec": {"egress": [{}]}})
    eventually(lambda: (cluster.get("networkpolicies", "rsvps-stream") or {})["spec"]["egress"] != [{}], "closed")


def test_a_rollout_restart_is_left_alone(cluster: Cluster, start_operator: StartOperator) -> None:
    restarted = {"kubectl.kubernetes.io/restartedAt": "2026-11-23T20:00:00Z"}
    patch = {"spec": {"template": {"metadata": {"annotations": restarted}}}}
    cluster.merge("deployments", "rsvps-stream", patch, by="kubectl-rollout")
    start_operator("second").wait_for_resyncs()  # which applies everything once
    assert cluster.deployment("rsvps")["spec"]["template"]["metadata"]["annotations"] == restarted


def _container(cluster: Cluster) -> Body:
    found: Body = cluster.deployment("rsvps")["spec"]["template"]["spec"]["containers"][0]
    return found

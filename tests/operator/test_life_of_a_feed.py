"""What becomes of a feed: created, changed, paused, deleted; on any API server."""

from typing import Any

from .cluster import Cluster, eventually
from .conftest import StartOperator
from .stream_pod import StreamPod

CUSTOM_ROW = {"idField": "id", "idType": "text", "timeField": "meta.updated", "groupIdFields": ["group.id"]}


def test_a_new_feed_gets_a_deployment_an_account_and_a_network_policy_it_owns(
    cluster: Cluster, start_operator: StartOperator
) -> None:
    start_operator()
    feed = cluster.create_feed("rsvps", feed="rsvps")
    deployment = cluster.deployment("rsvps")
    for plural in ("serviceaccounts", "networkpolicies", "deployments"):
        body = cluster.get(plural, "rsvps-stream")
        assert body is not None, plural
        owner = body["metadata"]["ownerReferences"][0]
        assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (feed["metadata"]["uid"], True, True)
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"]["type"] == "Recreate"
    environment = cluster.environment("rsvps")
    assert environment["STREAM_URL"] == "http://stream.meetup.com/2/rsvps"
    assert environment["STREAM_OBJECTS"] == "gs://records"
    assert environment["STREAM_ENRICHER_URL"] == "http://enricher:8080"


def test_a_feed_of_before_the_operator_is_found_at_its_start(cluster: Cluster, start_operator: StartOperator) -> None:
    cluster.create_feed("early", feed="photos")
    start_operator()
    assert cluster.environment("early")["STREAM_FEED"] == "photos"


def test_a_custom_row_reaches_the_stream_container(cluster: Cluster, start_operator: StartOperator) -> None:
    start_operator()
    cluster.create_feed("custom", feed="talks", url="https://streams.example/talks", row=CUSTOM_ROW)
    environment = cluster.environment("custom")
    assert environment["STREAM_ID_PATH"] == "id"
    assert environment["STREAM_ID_TYPE"] == "text"
    assert environment["STREAM_MTIME_PATH"] == "meta.updated"
    assert environment["STREAM_GROUP_PATHS"] == "group.id"


def test_a_changed_spec_changes_the_deployment(cluster: Cluster, start_operator: StartOperator) -> None:
    start_operator()
    cluster.create_feed("rsvps", feed="rsvps")
    cluster.deployment("rsvps")
    cluster.merge("meetupfeeds", "rsvps", {"spec": {"layout": "batch", "enrichment": False}})
    eventually(lambda: cluster.environment("rsvps")["STREAM_LAYOUT"] == "batch", "the layout arrives")
    assert "STREAM_ENRICHER_URL" not in cluster.environment("rsvps")


def test_a_paused_feed_has_no_pod_and_keeps_its_cursor(
    quiet_cluster: Cluster, start_operator: StartOperator, stream_pod: StreamPod
) -> None:
    start_operator()
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    stream_pod.metrics = {"meetup_stream_connected": 1, "meetup_stream_cursor_timestamp_seconds": 1_500_000_000}
    quiet_cluster.run_pod("rsvps", "rsvps-stream-1", stream_pod.port)
    quiet_cluster.roll_out("rsvps")
    quiet_cluster.wait_for_condition("rsvps", "Ready", "True", "Streaming")

    quiet_cluster.merge("meetupfeeds", "rsvps", {"spec": {"paused": True}})
    eventually(lambda: quiet_cluster.deployment("rsvps")["spec"]["replicas"] == 0, "scaled to zero")
    quiet_cluster.delete("pods", "rsvps-stream-1")
    quiet_cluster.roll_out("rsvps")
    quiet_cluster.wait_for_condition("rsvps", "Progressing", "False", "Paused")
    quiet_cluster.wait_for_condition("rsvps", "Ready", "False", "Paused")
    status = (quiet_cluster.get("meetupfeeds", "rsvps") or {})["status"]
    assert status["cursor"] == "2017-07-14T02:40:00Z"
    assert status["recordsPerMinute"] == 0

    quiet_cluster.merge("meetupfeeds", "rsvps", {"spec": {"paused": False}})
    eventually(lambda: quiet_cluster.deployment("rsvps")["spec"]["replicas"] == 1, "scaled to one")


def test_a_feed_can_be_deleted_while_no_operator_runs(cluster: Cluster, start_operator: StartOperator) -> None:
    operator = start_operator()
    cluster.create_feed("rsvps", feed="rsvps")
    cluster.deployment("rsvps")
    cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    body = cluster.get("meetupfeeds", "rsvps") or {}
    assert "finalizers" not in body["metadata"]
    assert "annotations" not in body["metadata"]
    assert operator.stop() == 0
    cluster.delete("meetupfeeds", "rsvps")
    assert cluster.get("meetupfeeds", "rsvps") is None


def test_nothing_is_made_again_for_a_deleted_feed(cluster: Cluster, start_operator: StartOperator) -> None:
    operator = start_operator()
    cluster.create_feed("rsvps", feed="rsvps")
    cluster.deployment("rsvps")
    cluster.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")
    cluster.delete("meetupfeeds", "rsvps")
    operator.wait_for_resyncs()
    cluster.delete("deployments", "rsvps-stream")  # as the garbage collector does
    operator.wait_for_resyncs()
    assert cluster.get("deployments", "rsvps-stream") is None


def test_the_status_tells_rate_last_record_rejected_and_cursor(
    quiet_cluster: Cluster, start_operator: StartOperator, stream_pod: StreamPod
) -> None:
    start_operator()
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    stream_pod.metrics = {
        "meetup_stream_connected": 1,
        "meetup_stream_records_stored_total": 100,
        'meetup_stream_records_rejected_total{reason="no_id"}': 2,
        'meetup_stream_records_rejected_total{reason="not_json"}': 1,
        "meetup_stream_last_record_timestamp_seconds": 1_600_000_000,
        "meetup_stream_cursor_timestamp_seconds": 1_599_999_990,
    }
    quiet_cluster.run_pod("rsvps", "rsvps-stream-1", stream_pod.port)
    quiet_cluster.roll_out("rsvps")
    quiet_cluster.wait_for_condition("rsvps", "Streaming", "True", "Connected")
    stream_pod.metrics["meetup_stream_records_stored_total"] = 160

    def rate() -> int:
        return int((quiet_cluster.get("meetupfeeds", "rsvps") or {})["status"].get("recordsPerMinute", 0))

    eventually(lambda: rate() > 0, "a rate above zero")
    status = (quiet_cluster.get("meetupfeeds", "rsvps") or {})["status"]
    assert status["rejected"] == 3
    assert status["lastRecordTime"] == "2020-09-13T12:26:40Z"
    assert status["cursor"] == "2020-09-13T12:26:30Z"
    assert status["objects"] == "gs://records/rsvps/"
    assert status["observedGeneration"] == 1


def test_the_status_tells_whether_anything_is_missing_and_keeps_the_last_gap(
    quiet_cluster: Cluster, start_operator: StartOperator, stream_pod: StreamPod
) -> None:
    start_operator()
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    stream_pod.metrics = {
        "meetup_stream_connected": 1,
        "meetup_stream_ledger_since_timestamp_seconds": 1_600_000_000,
        'meetup_stream_ledger_connections{verdict="gap"}': 1,
        'meetup_stream_ledger_connections{verdict="overlap"}': 2,
        'meetup_stream_ledger_lines{state="received"}': 50,
        "meetup_stream_last_gap_from_timestamp_seconds": 1_599_990_000,
        "meetup_stream_last_gap_to_timestamp_seconds": 1_600_000_000,
    }
    quiet_cluster.run_pod("rsvps", "rsvps-stream-1", stream_pod.port)
    quiet_cluster.roll_out("rsvps")

    def ledger() -> dict[str, Any]:
        return dict((quiet_cluster.get("meetupfeeds", "rsvps") or {}).get("status", {}).get("ledger", {}))

    eventually(lambda: ledger().get("gaps") == 1, "a gap in the status")
    gap = {"from": "2020-09-13T09:40:00Z", "to": "2020-09-13T12:26:40Z"}
    assert ledger()["lastGap"] == gap
    assert (ledger()["since"], ledger()["connects"], ledger()["received"]) == ("2020-09-13T12:26:40Z", 3, 50)
    for name in ("from", "to"):  # the next day, of another life of the pod
        stream_pod.metrics[f"meetup_stream_last_gap_{name}_timestamp_seconds"] = 0
    stream_pod.metrics['meetup_stream_ledger_connections{verdict="gap"}'] = 0
    eventually(lambda: ledger().get("gaps") == 0, "a day without a gap")
    assert ledger()["lastGap"] == gap


def test_a_stream_that_is_not_ready_says_why_in_the_feeds_status(
    quiet_cluster: Cluster, start_operator: StartOperator, stream_pod: StreamPod
) -> None:
    start_operator()
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    stream_pod.metrics = {"meetup_stream_connected": 1}
    stream_pod.not_ready = "the bucket cannot be written"
    quiet_cluster.run_pod("rsvps", "rsvps-stream-1", stream_pod.port)
    quiet_cluster.roll_out("rsvps")
    condition = quiet_cluster.wait_for_condition("rsvps", "Ready", "False", "NotReady")
    assert condition["message"] == "the bucket cannot be written"
    stream_pod.not_ready = ""
    quiet_cluster.wait_for_condition("rsvps", "Ready", "True", "Streaming")


def test_a_pod_that_cannot_start_makes_the_feed_degraded(quiet_cluster: Cluster, start_operator: StartOperator) -> None:
    start_operator()
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    quiet_cluster.run_pod("rsvps", "rsvps-stream-1", 1)
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    container = {"name": "stream", "image": "none", "imageID": "", "ready": False, "restartCount": 0}
    quiet_cluster.set_pod_status(
        "rsvps-stream-1", {"phase": "Pending", "containerStatuses": [{**container, "state": {"waiting": waiting}}]}
    )
    condition = quiet_cluster.wait_for_condition("rsvps", "Degraded", "True", "ImagePullBackOff")
    assert "Back-off pulling image" in condition["message"]
    eventually(lambda: "ImagePullBackOff" in dict(quiet_cluster.events("rsvps")), "an event says so")


def test_two_feeds_of_one_label_do_not_share_a_cursor(cluster: Cluster, start_operator: StartOperator) -> None:
    cluster.create_feed("older", feed="rsvps")
    start_operator()
    cluster.deployment("older")
    cluster.create_feed("younger", feed="photos", label="rsvps")
    # A creation time has whole seconds: within one, the uid decides, and either may be the one that is told.
    eventually(
        lambda: (
            {cluster.condition(name, "Degraded").get("reason") for name in ("older", "younger")}
            == {"LabelTaken", "AsExpected"}
        ),
        "one of the two is refused",
    )


def test_what_the_operator_does_is_told_in_events(cluster: Cluster, start_operator: StartOperator) -> None:
    start_operator()
    cluster.create_feed("rsvps", feed="rsvps")
    cluster.deployment("rsvps")
    told = ("Created", "Deployment rsvps-stream created")
    eventually(lambda: told in cluster.events("rsvps"), "an event tells of the Deployment")

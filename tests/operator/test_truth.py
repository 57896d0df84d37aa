"""The status says what the pods say, and soon."""

import time

import pytest
from meetup_testkit.emulators.process import free_port

from .cluster import Body, Cluster, eventually
from .conftest import StartOperator
from .stream_pod import StreamPod, a_stream_pod

RARELY = {"STATUS_SECONDS": "600", "RESYNC_SECONDS": "300"}
"""Longer than a test waits: a pod that is not well is asked again sooner, or it is not seen."""
OFTEN = {"STATUS_SECONDS": "2", "RESYNC_SECONDS": "300"}
"""A pod that is well is asked at this pace; whatever else would find a change is far away."""


def status(cluster: Cluster, feed: str = "rsvps") -> Body:
    return dict((cluster.get("meetupfeeds", feed) or {}).get("status", {}))


def ready(cluster: Cluster, value: str, reason: str) -> None:
    def is_so() -> bool:
        condition = cluster.condition("rsvps", "Ready")
        return (condition.get("status"), condition.get("reason")) == (value, reason)

    eventually(is_so, f"Ready becomes {value} ({reason})")


def test_a_pod_that_is_read_before_it_listens_is_read_again_soon_and_has_a_rate(
    quiet_cluster: Cluster, start_operator: StartOperator
) -> None:
    start_operator(**RARELY)
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    port = free_port()
    quiet_cluster.run_pod("rsvps", "rsvps-stream-1", port)  # nobody listens there now
    quiet_cluster.wait_for_condition("rsvps", "Streaming", "Unknown", "Unreadable")
    with a_stream_pod(port) as pod:
        pod.metrics = {"meetup_stream_connected": 1, "meetup_stream_records_stored_total": 10}
        quiet_cluster.roll_out("rsvps")
        ready(quiet_cluster, "True", "Streaming")
        pod.metrics["meetup_stream_records_stored_total"] = 400
        quiet_cluster.set_pod_status("rsvps-stream-1", {"qosClass": "Burstable"})  # it changed: it is read at once
        eventually(lambda: status(quiet_cluster).get("recordsPerMinute", 0) > 0, "a rate is shown")


def test_a_pod_that_never_became_ready_says_why_and_not_that_it_is_starting(
    quiet_cluster: Cluster, start_operator: StartOperator, stream_pod: StreamPod
) -> None:
    start_operator(**RARELY)
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    stream_pod.metrics = {"meetup_stream_connected": 0}
    stream_pod.not_ready = "Meetup does not answer"
    quiet_cluster.run_pod("rsvps", "rsvps-stream-1", stream_pod.port)
    quiet_cluster.roll_out("rsvps", available=0)
    ready(quiet_cluster, "False", "Disconnected")
    assert quiet_cluster.condition("rsvps", "Ready")["message"] == "Meetup does not answer"
    stream_pod.metrics["meetup_stream_connected"] = 1
    stream_pod.not_ready = ""
    quiet_cluster.roll_out("rsvps")
    ready(quiet_cluster, "True", "Streaming")


@pytest.mark.parametrize("outage", [2.0, pytest.param(25.0, marks=pytest.mark.faults)])
def test_an_outage_and_its_end_are_seen_soon(
    quiet_cluster: Cluster, start_operator: StartOperator, stream_pod: StreamPod, outage: float
) -> None:
    start_operator(**OFTEN)
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    stream_pod.metrics = {"meetup_stream_connected": 1}
    quiet_cluster.run_pod("rsvps", "rsvps-stream-1", stream_pod.port)
    quiet_cluster.roll_out("rsvps")
    ready(quiet_cluster, "True", "Streaming")
    since = time.monotonic()
    stream_pod.metrics["meetup_stream_connected"] = 0
    ready(quiet_cluster, "False", "Disconnected")
    eventually(lambda: time.monotonic() - since > outage, "the outage has lasted", seconds=2 * outage + 60)
    stream_pod.metrics["meetup_stream_connected"] = 1
    ready(quiet_cluster, "True", "Streaming")


def test_a_stream_that_rejects_every_line_is_not_ready(
    quiet_cluster: Cluster, start_operator: StartOperator, stream_pod: StreamPod
) -> None:
    start_operator(**OFTEN)
    quiet_cluster.create_feed("rsvps", feed="rsvps")
    stream_pod.metrics = {"meetup_stream_connected": 1, 'meetup_stream_records_rejected_total{reason="no_id"}': 500}
    quiet_cluster.run_pod("rsvps", "rsvps-stream-1", stream_pod.port)
    quiet_cluster.roll_out("rsvps")
    ready(quiet_cluster, "False", "AllRejected")
    stream_pod.metrics["meetup_stream_records_stored_total"] = 1
    ready(quiet_cluster, "True", "Streaming")

import time

from meetupkit.build_info import register_build_info
from prometheus_client import CollectorRegistry


def test_a_process_tells_what_it_is_and_when_it_started() -> None:
    registry = CollectorRegistry()
    before = time.time()
    register_build_info(registry, "stream", "1.2.3", feed="rsvps")
    labels = {"feed": "rsvps", "service": "stream"}
    assert registry.get_sample_value("meetup_build_info", {**labels, "version": "1.2.3"}) == 1
    started = registry.get_sample_value("meetup_start_timestamp_seconds", labels)
    assert started is not None
    assert before <= started <= time.time()

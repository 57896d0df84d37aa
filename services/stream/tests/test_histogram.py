from meetup_stream.histogram import Histogram
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Histogram as OneByOne

BUCKETS = (0.5, 1, 2.5)
VALUES = [0.0, 0.5, 0.75, 1.0, 2.6, 30.0]


def test_it_shows_what_the_client_library_s_own_shows() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    Histogram("lag_seconds", "Lag", "rsvps", buckets=BUCKETS, registry=ours).observe_all(VALUES)
    one_by_one = OneByOne("lag_seconds", "Lag", ["feed"], buckets=BUCKETS, registry=theirs).labels("rsvps")
    for value in VALUES:
        one_by_one.observe(value)
    shown = [line for line in generate_latest(theirs).splitlines() if b"_created" not in line]
    assert generate_latest(ours).splitlines() == shown

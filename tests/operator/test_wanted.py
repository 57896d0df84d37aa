"""Which feeds are to be read, as a metric: what the alert on a feed whose pod is gone goes by."""

from .cluster import Cluster, eventually
from .conftest import StartOperator


def test_a_paused_feed_is_not_wanted_and_a_deleted_one_is_not_told_of(
    cluster: Cluster, start_operator: StartOperator
) -> None:
    operator = start_operator()
    cluster.create_feed("busy", feed="rsvps")
    cluster.create_feed("resting", feed="photos")
    cluster.merge("meetupfeeds", "resting", {"spec": {"paused": True}})
    sample = 'meetup_operator_feed_wanted{feed="%s",feed_namespace="%s"} %s\n'

    def told() -> set[str]:
        page = operator.get("/metrics").text
        return {line + "\n" for line in page.splitlines() if line.startswith("meetup_operator_feed_wanted{")}

    namespace = cluster.namespace
    busy, resting = sample % ("rsvps", namespace, "1.0"), sample % ("photos", namespace, "0.0")
    eventually(lambda: told() == {busy, resting}, "one feed is wanted, one is not")
    cluster.delete("meetupfeeds", "resting")
    eventually(lambda: told() == {busy}, "the deleted feed is forgotten")

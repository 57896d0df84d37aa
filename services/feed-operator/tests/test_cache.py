"""What the operator knows of the cluster, as watches, its own writes and lists tell it at the same time."""

from typing import Any

import pytest
from meetup_feed_operator.kubernetes.cache import Cache
from meetup_feed_operator.kubernetes.kinds import DEPLOYMENT, FEED, POD

A, B = ("n", "a"), ("n", "b")


def a_feed(name: str, *, version: str, paused: bool = False) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": version},
        "spec": {"paused": paused},
    }


def a_deployment(name: str, *, version: str) -> dict[str, Any]:
    labels = {"meetup-analysis.dev/feed": name}
    meta = {"name": f"{name}-stream", "namespace": "n", "uid": name, "resourceVersion": version, "labels": labels}
    return {"metadata": meta, "spec": {}}


def test_a_list_wakes_the_feeds_that_are_new_changed_or_gone_and_no_others() -> None:
    cache = Cache()
    for name in ("kept", "changed", "gone"):
        cache.observe(FEED, a_feed(name, version="1"))
    cache.expect_list(FEED)
    listed = [a_feed("kept", version="1"), a_feed("changed", version="2"), a_feed("new", version="3")]
    assert cache.replace(FEED, listed) == {("n", "changed"), ("n", "gone"), ("n", "new")}


def test_a_change_seen_while_a_list_is_under_way_is_not_undone_by_the_list() -> None:
    """Else a feed paused in that moment would be started again, until the next list."""
    cache = Cache()
    cache.observe(FEED, a_feed("a", version="1"))
    cache.expect_list(FEED)
    cache.observe(FEED, a_feed("a", version="2", paused=True))
    assert cache.replace(FEED, [a_feed("a", version="1")]) == set()
    assert cache.feeds()[A]["spec"] == {"paused": True}


def test_a_feed_deleted_while_a_list_is_under_way_does_not_come_back_with_the_list() -> None:
    cache = Cache()
    cache.observe(FEED, a_feed("a", version="1"))
    cache.expect_list(FEED)
    cache.observe(FEED, a_feed("a", version="2"), gone=True)
    cache.replace(FEED, [a_feed("a", version="1")])
    assert A not in cache.feeds()


def test_an_object_made_while_a_list_is_under_way_is_not_lost_to_the_list() -> None:
    """Else it would be made once more, and somebody accused of having deleted it."""
    cache = Cache()
    cache.observe(FEED, a_feed("a", version="1"))
    cache.expect_list(DEPLOYMENT)
    cache.observe(DEPLOYMENT, a_deployment("a", version="2"))
    assert cache.replace(DEPLOYMENT, []) == set()
    assert cache.get(DEPLOYMENT, ("n", "a-stream"))


@pytest.mark.parametrize("odd", [None, [], "text", 5, {"bucket": [], "label": {}}, {"feed": None}])
def test_an_object_of_before_the_crds_rules_stops_nothing(odd: object) -> None:
    cache = Cache()
    cache.expect_list(FEED)
    bodies = [{**a_feed("odd", version="1"), "spec": odd, "status": odd}, a_feed("b", version="2")]
    assert cache.replace(FEED, bodies) == {("n", "odd"), B}
    assert isinstance(cache.feeds()["n", "odd"]["spec"], dict)
    cache.observe(FEED, bodies[0], gone=True)
    assert list(cache.feeds()) == [B]


def test_what_is_asked_in_each_reconciliation_has_an_index_that_follows_every_change() -> None:
    cache = Cache("records")
    for name, label in (("a", "x"), ("b", "x")):
        cache.observe(FEED, {**a_feed(name, version="1"), "spec": {"feed": "rsvps", "label": label}})

    def writers(target: tuple[str, str]) -> list[str]:
        return sorted(body["metadata"]["name"] for body in cache.feeds_of(target))

    assert writers(("records", "x")) == ["a", "b"]
    cache.observe(FEED, {**a_feed("b", version="2"), "spec": {"feed": "rsvps", "label": "x", "bucket": "other"}})
    assert (writers(("records", "x")), writers(("other", "x"))) == (["a"], ["b"])
    cache.expect_list(FEED)
    cache.replace(FEED, [a_feed("a", version="3")])
    assert (writers(("records", "x")), writers(("other", "x")), writers(("records", ""))) == ([], [], ["a"])
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "p", "labels": {"meetup-analysis.dev/feed": "a"}}}
    cache.observe(POD, pod)
    assert [found["metadata"]["name"] for found in cache.pods(A)] == ["p"]
    cache.observe(POD, pod, gone=True)
    assert cache.pods(A) == []


def test_what_was_seen_before_a_list_is_replaced_by_it() -> None:
    cache = Cache()
    cache.expect_list(FEED)
    cache.observe(FEED, a_feed("a", version="1"))
    cache.replace(FEED, [])
    cache.expect_list(FEED)
    cache.replace(FEED, [a_feed("b", version="2")])
    assert list(cache.feeds()) == [B]


def test_a_watch_that_brings_back_the_operators_own_write_wakes_no_feed() -> None:
    """Else each feed would be reconciled once more for each object that was made for it."""
    cache = Cache()
    assert cache.observe(FEED, a_feed("a", version="1")) == A
    assert cache.observe(DEPLOYMENT, a_deployment("a", version="2")) == A  # the answer of the write
    assert cache.observe(DEPLOYMENT, a_deployment("a", version="2")) is None
    assert cache.observe(DEPLOYMENT, a_deployment("a", version="3")) == A  # somebody else's change


def test_an_object_that_is_gone_or_back_wakes_its_feed_once() -> None:
    cache = Cache()
    cache.observe(FEED, a_feed("a", version="1"))
    cache.observe(DEPLOYMENT, a_deployment("a", version="2"))
    gone = [cache.observe(DEPLOYMENT, a_deployment("a", version="2"), gone=True) for _ in range(2)]
    assert gone == [A, None]
    assert cache.observe(DEPLOYMENT, a_deployment("a", version="2")) == A

"""CPU and memory of a feed: a memory limit always, and never above the operator's."""

from typing import Any

import pytest
from meetup_feed_operator.resources.deployment import deployment
from meetup_feed_operator.resources.meetupfeed import InvalidFeed, read_feed
from meetup_feed_operator.resources.quantities import amount
from meetup_feed_operator.settings import OperatorSettings


def resources(spec: dict[str, Any], **values: str) -> dict[str, Any]:
    needed = {"NAMESPACE": "n", "IMAGE": "stream:1", "BUCKET": "records"}
    settings = OperatorSettings.from_environ({f"FEED_OPERATOR_{k}": v for k, v in (needed | values).items()})
    meta = {"name": "f", "namespace": "n", "uid": "u"}
    feed = read_feed({"metadata": meta, "spec": {"feed": "rsvps", "resources": spec}})
    container = deployment(feed, settings)["spec"]["template"]["spec"]["containers"][0]
    found: dict[str, Any] = container["resources"]
    return found


@pytest.mark.parametrize(
    ("spec", "request_", "limit"),
    [
        ({}, "96Mi", "256Mi"),
        ({"requests": {"memory": "64Mi"}}, "64Mi", "256Mi"),
        ({"requests": {"memory": "512Mi"}}, "512Mi", "512Mi"),
        ({"limits": {"memory": "64Mi"}}, "64Mi", "64Mi"),
        ({"limits": {"memory": "1Gi"}}, "96Mi", "1Gi"),
        ({"requests": {"memory": "128Mi"}, "limits": {"memory": 268435456}}, "128Mi", 268435456),
        ({"limits": {"cpu": 1}}, "96Mi", "256Mi"),
        ({"limits": {}}, "96Mi", "256Mi"),
        ({"requests": {"memory": None}, "limits": {"memory": None}}, "96Mi", "256Mi"),
    ],
)
def test_a_pod_has_a_memory_limit_whatever_its_feed_says(
    spec: dict[str, Any], request_: str | int, limit: str | int
) -> None:
    found = resources(spec)
    assert (found["requests"]["memory"], found["limits"]["memory"]) == (request_, limit)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"limits": {"memory": "0"}}, "at least 32Mi"),
        ({"limits": {"memory": 0}}, "at least 32Mi"),
        ({"limits": {"memory": "1"}}, "at least 32Mi"),
        ({"limits": {"memory": "100m"}}, "at least 32Mi"),
        ({"limits": {"memory": "2Gi"}}, "at most 1Gi"),
        ({"limits": {"memory": "999999999Gi"}}, "at most 1Gi"),
        ({"requests": {"memory": "2Gi"}}, "at most 1Gi"),
        ({"requests": {"cpu": "0"}}, "more than 0"),
        ({"requests": {"cpu": "0m"}}, "more than 0"),
        ({"limits": {"cpu": 10000}}, "less than 10000 cores"),
        ({"requests": {"memory": "512Mi"}, "limits": {"memory": "256Mi"}}, "above the limit of 256Mi"),
        ({"limits": {"memory": "-1Gi"}}, "must be a quantity"),
        ({"requests": {"cpu": "-1"}}, "must be a quantity"),
        ({"requests": {"cpu": -1}}, "must be a quantity"),
        ({"limits": {"cpu": "1e9"}}, "must be a quantity"),
        ({"limits": {"memory": "1Ti"}}, "must be a quantity"),
        ({"limits": {"memory": "256Mi\n"}}, "must be a quantity"),
        ({"limits": {"memory": ""}}, "must be a quantity"),
        ({"limits": {"memory": True}}, "must be a quantity"),
        ({"limits": {"memory": 1.5}}, "spec.resources.limits.memory"),
    ],
)
def test_a_limit_that_is_none_or_above_the_operators_is_refused_in_words(spec: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidFeed) as caught:
        resources(spec)
    assert told in str(caught.value)


def test_the_operators_own_limit_is_never_above_its_highest() -> None:
    assert resources({}, MEMORY_LIMIT="2Gi")["limits"]["memory"] == "2Gi"


def test_quantities_are_compared_by_what_they_mean() -> None:
    assert amount("1Gi") == amount("1024Mi") == amount(1073741824)
    assert amount("1000m") == amount("1") == amount("1.000")


@pytest.mark.parametrize(
    "url",
    ["http://...", "http://a..b/", "http://h:0/", "http://h:65536/", "http://-h/", "http://u:p@h/", "http://h h/"],
)
def test_an_address_that_no_client_could_ask_is_refused_in_words(url: str) -> None:
    with pytest.raises(InvalidFeed, match=r"spec\.url: Value error, must"):
        read_feed({"metadata": {"name": "f", "namespace": "n", "uid": "u"}, "spec": {"feed": "rsvps", "url": url}})


@pytest.mark.parametrize("bucket", ["bucket/..", "bucket/./x", "bu..cket", "bucket//x", "../bucket"])
def test_a_bucket_with_dots_for_a_part_is_refused_in_words(bucket: str) -> None:
    with pytest.raises(InvalidFeed, match=r"spec\.bucket: Value error, must be bucket"):
        read_feed(
            {"metadata": {"name": "f", "namespace": "n", "uid": "u"}, "spec": {"feed": "rsvps", "bucket": bucket}}
        )

"""Two feeds that would write under one prefix."""

from typing import Any

import pytest
from meetup_feed_operator.resources.conflicts import Claims, LabelTaken, refuse_conflict, target_of
from meetup_feed_operator.resources.meetupfeed import read_feed


def a_feed(name: str, created: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "n", "uid": name, "creationTimestamp": created}, "spec": spec}


OLDER = a_feed("older", "2026-01-01T00:00:00Z", feed="rsvps")


def test_the_younger_of_two_feeds_with_one_label_is_refused() -> None:
    younger = a_feed("younger", "2026-01-02T00:00:00Z", feed="photos", label="rsvps", bucket="records")
    with pytest.raises(LabelTaken, match="n/older writes to gs://records/rsvps/ already"):
        refuse_conflict(read_feed(younger), [OLDER, younger], Claims(), bucket="records")
    refuse_conflict(read_feed(OLDER), [OLDER, younger], Claims(), bucket="records")


@pytest.mark.parametrize("spec", [{"label": "other"}, {"bucket": "elsewhere"}])
def test_another_label_or_bucket_is_another_target(spec: dict[str, str]) -> None:
    younger = a_feed("younger", "2026-01-02T00:00:00Z", feed="rsvps", **spec)
    assert target_of(younger, "records") != target_of(OLDER, "records")


def test_a_bucket_that_is_named_is_the_target_of_the_one_that_names_none() -> None:
    named = a_feed("named", "2026-01-02T00:00:00Z", feed="rsvps", bucket="records")
    assert target_of(named, "records") == target_of(OLDER, "records")


TWINS = [a_feed(name, "2026-01-01T00:00:00Z", feed="rsvps") for name in ("a", "b")]


def refused(claims: Claims) -> list[str]:
    names = []
    for body in TWINS:
        try:
            refuse_conflict(read_feed(body), TWINS, claims, bucket="records")
        except LabelTaken:
            names.append(body["metadata"]["name"])
    return names


@pytest.mark.parametrize(
    ("claims", "loser"),
    [
        (Claims(), "b"),
        (Claims(begun=["b"]), "a"),
        (Claims(running=["b"]), "a"),
        (Claims(running=["b"], begun=["a"]), "a"),
        (Claims(running=["a", "b"], begun=["b"]), "b"),
    ],
    ids=["the lower uid", "what was begun", "what runs", "what runs before what was begun", "both run: the lower uid"],
)
def test_of_two_feeds_of_one_second_exactly_one_is_refused_and_the_first_to_run_keeps_the_label(
    claims: Claims, loser: str
) -> None:
    assert refused(claims) == [loser]


def test_a_feed_that_is_being_deleted_keeps_nobody_from_its_label() -> None:
    going = a_feed("older", "2026-01-01T00:00:00Z", feed="rsvps")
    going["metadata"]["deletionTimestamp"] = "2026-01-03T00:00:00Z"
    younger = a_feed("younger", "2026-01-02T00:00:00Z", feed="rsvps")
    refuse_conflict(read_feed(younger), [going, younger], Claims(), bucket="records")

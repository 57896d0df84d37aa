"""Two feeds that would write under one prefix."""

from typing import Any

import pytest
from meetup_feed_operator.resource import read_feed
from meetup_feed_operator.rivals import LabelTaken, refuse_rival


def a_feed(name: str, created: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "n", "uid": name, "creationTimestamp": created}, "spec": spec}


OLDER = a_feed("older", "2026-01-01T00:00:00Z", feed="rsvps")


def test_the_younger_of_two_feeds_with_one_label_is_refused() -> None:
    younger = a_feed("younger", "2026-01-02T00:00:00Z", feed="photos", label="rsvps", bucket="records")
    with pytest.raises(LabelTaken, match="n/older writes to gs://records/rsvps/ already"):
        refuse_rival(read_feed(younger), [OLDER, younger], bucket="records")
    refuse_rival(read_feed(OLDER), [OLDER, younger], bucket="records")


@pytest.mark.parametrize("spec", [{"label": "other"}, {"bucket": "elsewhere"}])
def test_another_label_or_bucket_is_no_rival(spec: dict[str, str]) -> None:
    younger = a_feed("younger", "2026-01-02T00:00:00Z", feed="rsvps", **spec)
    refuse_rival(read_feed(younger), [OLDER, younger], bucket="records")


def test_of_two_feeds_of_one_second_exactly_one_is_refused() -> None:
    twin = a_feed("twin", "2026-01-01T00:00:00Z", feed="rsvps")
    refused = 0
    for body in (OLDER, twin):
        try:
            refuse_rival(read_feed(body), [OLDER, twin], bucket="records")
        except LabelTaken:
            refused += 1
    assert refused == 1

"""What the service says of its store when calls overlap."""

import time

import pytest
from meetup_enricher.health import Health
from meetup_enricher.metrics import Metrics
from meetupkit.errors import StoreRefused


@pytest.fixture
def health() -> Health:
    health = Health(Metrics())
    health.store_answered(time.monotonic())
    return health


def test_an_answer_to_a_call_from_before_the_refusal_does_not_say_that_the_store_is_back(
    health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    before = time.monotonic()
    health.store_failed(StoreRefused("no permission"))
    health.store_answered(before)
    health.store_failed(StoreRefused("no permission"))
    assert health.not_ready() == "the document store does not take ids: no permission"
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_an_answer_to_a_call_from_after_the_refusal_says_that_the_store_is_back(health: Health) -> None:
    health.store_failed(StoreRefused("no permission"))
    health.store_answered(time.monotonic())
    assert health.not_ready() is None

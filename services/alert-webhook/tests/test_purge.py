"""What has run out is removed as fast as it runs out, and nothing else is."""

from pathlib import Path

import pytest
from meetup_alert_webhook.delivery.claims import CLAIMS, INCIDENTS, Claims
from meetup_testkit.slack_plugin import SlackStandIn
from meetupkit.stores.documents import Create
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments
from test_lost_answers import Site

NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> SqliteDocuments:
    return SqliteDocuments(tmp_path / "state.sqlite")


def fill(store: SqliteDocuments, collection: str, count: int, *, until: float) -> None:
    for first in range(0, count, 400):
        some = range(first, min(first + 400, count))
        store.commit([Create(collection, f"{int(until)}-{number}", {"expires_at": until}) for number in some])


def claims(store: SqliteDocuments) -> Claims:
    return Claims(store, replica="one", window_seconds=60, claim_seconds=60, clock=lambda: NOW)


@pytest.mark.parametrize(("over", "rounds"), [(0, 1), (1, 1), (399, 1), (400, 2), (401, 2), (1_200, 4)])
def test_every_claim_that_has_run_out_goes_and_every_other_stays(
    store: SqliteDocuments, over: int, rounds: int
) -> None:
    fill(store, CLAIMS, over, until=NOW)
    fill(store, INCIDENTS, over // 2, until=NOW - 1)
    fill(store, CLAIMS, 5, until=NOW + 1)
    ours = claims(store)
    assert [ours.purge() for _ in range(rounds)] == [True] * (rounds - 1) + [False]
    assert (store.count(CLAIMS), store.count(INCIDENTS)) == (5, 0)


def test_a_storms_claims_are_gone_soon_after_they_run_out(store: SqliteDocuments, slack: SlackStandIn) -> None:
    """Once 400 were removed each minute, so a table grew above 6.7 alerts per second without bound."""
    site = Site(store, slack)
    fill(store, CLAIMS, 5_000, until=site.now)
    replica = site.replica()
    for _ in range(3):  # of one second each
        replica.round()
    assert store.count(CLAIMS) == 0

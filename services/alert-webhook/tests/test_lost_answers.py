"""A commit whose answer is lost may have been applied: what was acknowledged reaches Slack all the same, and once."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faulty_store import FaultyStore
from meetup_alert_webhook.delivery.claims import CLAIMS, Claims
from meetup_alert_webhook.delivery.rate import RateLimiter
from meetup_alert_webhook.digest.outbox import DIGESTS, ITEMS, Outbox
from meetup_alert_webhook.digest.worker import Digester
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.slack.client import WebApi
from meetup_alert_webhook.slack.sender import Sender
from meetup_alert_webhook.sources import alertmanager
from meetup_testkit.slack_plugin import SlackStandIn
from meetupkit.errors import StoreUnavailable
from meetupkit.progress import Progress
from meetupkit.stores.documents import Create, Delete, Put, Write
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments
from prometheus_client import CollectorRegistry
from webhook_running import InProcess, alerts_in, firing, group, log_entry, pushed, resolved

StartWebhook = Callable[..., InProcess]
LEASE = 20.0
COLLECTS = 5.0


def folds(write: Write) -> bool:
    """Of the commit that takes alerts into a digest."""
    return isinstance(write, Delete) and write.collection == ITEMS


def begins(write: Write) -> bool:
    """Of the commit that begins a digest."""
    return isinstance(write, Put) and write.collection == DIGESTS and write.expected_version is None


def renews(write: Write) -> bool:
    """Of a commit that changes a digest or its lease."""
    return isinstance(write, Put) and write.collection == DIGESTS and write.expected_version is not None


def removes(write: Write) -> bool:
    """Of the commit that removes a digest, which Slack has."""
    return isinstance(write, Delete) and write.collection == DIGESTS


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


class Replica:
    """The digests of one replica, a round at a time, by a clock that stands still until it is moved."""

    def __init__(self, store: FaultyStore, slack: SlackStandIn, clock: Callable[[], float], name: str) -> None:
        self.store = store
        self.outbox = Outbox(store, replica=name, lease_seconds=LEASE, clock=clock)
        rate = RateLimiter(seconds_per_message=0, longest_wait=0, clock=clock)
        metrics = Metrics(CollectorRegistry(), version="test")
        self._stopping = threading.Event()
        self._channel = slack.channel
        self.digester = Digester(
            outbox=self.outbox,
            claims=Claims(store, replica=name, window_seconds=60, claim_seconds=LEASE, clock=clock),
            sender=Sender(WebApi(slack.api_url, slack.token, timeout=30), rate, metrics, stopping=self._stopping),
            rate=rate,
            metrics=metrics,
            progress=Progress(),
            first_seconds=COLLECTS,
            longest_seconds=COLLECTS,
            clock=clock,
        )

    def queue(self, count: int) -> None:
        """Acknowledge so many alerts."""
        for _ in range(count):
            alert = alertmanager.to_alert(alertmanager.WebhookBody.model_validate(group(firing())))
            self.store.commit([self.outbox.item(alert, self._channel)])
        self.digester.notify()

    def stop(self) -> None:
        """As at SIGTERM."""
        self._stopping.set()
        self.digester.run(self._stopping)

    def round(self) -> None:
        """What the loop does: an outage ends the round, and is over or not in the next one."""
        try:
            self.digester.round(self._stopping)
        except StoreUnavailable:
            return


class Site:
    """Replicas on one store and one clock, before one Slack."""

    def __init__(self, store: SqliteDocuments, slack: SlackStandIn) -> None:
        self.stored = store
        self.slack = slack
        self.now = 1_800_000_000.0

    def replica(self, name: str = "one") -> Replica:
        """Another replica; the faults of its way to the store are its own."""
        return Replica(FaultyStore(self.stored), self.slack, lambda: self.now, name)

    def told(self) -> list[int]:
        """How many alerts each message stands for."""
        return [alerts_in(posted) for posted in self.slack.messages()]

    def run(self, *replicas: Replica, seconds: float) -> None:
        """So long, a round a second."""
        for _ in range(int(seconds)):
            self.now += 1
            for replica in replicas:
                replica.round()

    def run_until(self, condition: Callable[[], bool], replica: Replica) -> None:
        """As ``run``, until the condition is true."""
        for _ in range(int(10 * LEASE)):
            if condition():
                return
            self.run(replica, seconds=1)
        pytest.fail("it did not come true")

    def run_through(self, outage: float, replica: Replica) -> None:
        """Until an answer is lost, for the outage that follows, and for two leases when the store is back."""
        self.run_until(lambda: replica.store.lost == 1, replica)
        self.run(replica, seconds=outage)
        replica.store.away = False
        self.run(replica, seconds=2 * LEASE)

    def left(self) -> int:
        """Documents that still wait to be told."""
        return self.stored.count(ITEMS) + self.stored.count(DIGESTS)


@pytest.fixture
def site(tmp_path: Path, slack: SlackStandIn) -> Iterator[Site]:
    store = SqliteDocuments(tmp_path / "state.sqlite")
    yield Site(store, slack)
    store.close()


@pytest.mark.parametrize("outage", [0, 2, COLLECTS, LEASE + 1])
def test_alerts_folded_by_a_commit_that_was_not_answered_are_told_once(site: Site, outage: float) -> None:
    replica = site.replica()
    replica.queue(2)
    replica.round()
    replica.queue(2)
    replica.store.lose_an_answer(folds, then_away=True)
    replica.round()
    site.run(replica, seconds=outage)
    replica.store.away = False
    site.run(replica, seconds=2 * LEASE)
    assert (site.told(), site.left()) == ([4], 0)


def test_alerts_that_come_after_a_fold_that_was_not_answered_join_the_same_digest(site: Site) -> None:
    replica = site.replica()
    replica.queue(2)
    replica.round()
    replica.queue(2)
    replica.store.lose_an_answer(folds)
    replica.round()
    replica.queue(2)
    site.run(replica, seconds=2 * LEASE)
    assert (site.told(), site.left()) == ([6], 0)


@pytest.mark.parametrize("outage", [0, LEASE + 1])
@pytest.mark.parametrize("commit", [begins, folds, renews, removes])
def test_whichever_commit_is_not_answered_every_alert_is_told_once_and_no_error_is_logged(
    site: Site, commit: Callable[[Write], bool], outage: float, caplog: pytest.LogCaptureFixture
) -> None:
    replica = site.replica()
    replica.store.lose_an_answer(commit, then_away=True)
    replica.queue(3)
    site.run_through(outage, replica)
    assert (site.told(), site.left()) == ([3], 0)
    assert errors(caplog) == []


@pytest.mark.parametrize("outage", [0, LEASE + 1])
def test_a_digest_taken_over_by_a_commit_that_was_not_answered_is_told_once(
    site: Site, outage: float, caplog: pytest.LogCaptureFixture
) -> None:
    dead, replica = site.replica("dead"), site.replica()
    dead.queue(3)
    dead.round()
    replica.store.lose_an_answer(renews, then_away=True)
    site.run_through(outage, replica)
    assert (site.told(), site.left()) == ([3], 0)
    assert errors(caplog) == []


def test_a_replica_that_slept_over_its_lease_does_not_tell_what_another_has_told(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    slept, other = site.replica("slept"), site.replica("other")
    slept.queue(3)
    slept.round()
    site.now += LEASE
    site.run(other, seconds=LEASE)
    assert site.told() == [3]
    site.run(slept, other, seconds=LEASE)
    assert (site.told(), site.left()) == ([3], 0)
    assert errors(caplog) == []


def test_a_digest_handed_over_after_a_fold_that_was_not_answered_is_whole(site: Site) -> None:
    replica, following = site.replica(), site.replica("following")
    replica.queue(2)
    replica.round()
    replica.queue(2)
    replica.store.lose_an_answer(folds)
    replica.round()
    replica.stop()
    site.run(following, seconds=LEASE / 2)
    assert (site.told(), site.left()) == ([4], 0)


def test_a_replica_that_stops_leaves_nothing_behind_that_slack_has(site: Site) -> None:
    replica, following = site.replica(), site.replica("following")
    replica.queue(2)
    replica.store.lose_an_answer(removes, applied=False)
    site.run_until(lambda: replica.store.lost == 1, replica)
    replica.stop()
    site.run(following, seconds=2 * LEASE)
    assert (site.told(), site.left()) == ([2], 0)


def claims(write: Write) -> bool:
    """Of the commit that claims content for a first time."""
    return isinstance(write, Create) and write.collection == CLAIMS


def test_an_alert_queued_by_a_commit_that_was_not_answered_is_told_once(
    slack: SlackStandIn, start_webhook: StartWebhook
) -> None:
    webhook = start_webhook(slack, DIGEST_SECONDS="60")
    assert webhook.log_export(pushed(log_entry("first"))).json() == {"outcome": "sent"}
    webhook.store.lose_an_answer(claims)
    assert webhook.log_export(pushed(log_entry("more of the same"))).json() == {"outcome": "queued"}
    webhook.stop()
    following = start_webhook(slack, DIGEST_SECONDS="0.5")
    slack.wait_until(lambda: following.metric("digested_total") == 1)
    assert len(slack.messages()) == 2


def test_an_alert_that_could_not_be_queued_goes_out_at_once(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    webhook = start_webhook(slack, DIGEST_SECONDS="60")
    assert webhook.log_export(pushed(log_entry("first"))).json() == {"outcome": "sent"}
    webhook.store.lose_an_answer(claims, applied=False)
    assert webhook.log_export(pushed(log_entry("more of the same"))).json() == {"outcome": "sent"}
    assert len(slack.messages()) == 2


@pytest.mark.parametrize("applied", [True, False])
def test_an_alert_claimed_by_a_commit_that_was_not_answered_is_not_sent_by_another_replica(
    slack: SlackStandIn, start_webhook: StartWebhook, applied: bool
) -> None:
    one, other = start_webhook(slack), start_webhook(slack)
    one.store.lose_an_answer(claims, applied=applied)
    assert one.alertmanager(group(firing())).json() == {"outcome": "sent"}
    assert other.alertmanager(group(firing())).json() == {"outcome": "duplicate"}
    other.alertmanager(group(resolved(firing())))
    assert slack.messages()[0].edits


def test_what_was_said_without_the_store_is_said_again_when_it_fires_again(
    slack: SlackStandIn, webhook: InProcess
) -> None:
    webhook.store.away = True
    assert webhook.alertmanager(group(firing())).json() == {"outcome": "sent"}
    webhook.store.away = False
    assert webhook.alertmanager(group(firing())).json() == {"outcome": "duplicate"}
    assert webhook.alertmanager(group(resolved(firing()))).json() == {"outcome": "sent"}
    assert webhook.alertmanager(group(firing())).json() == {"outcome": "sent"}

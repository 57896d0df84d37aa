"""A digest says how many it holds, and is in exactly one place until Slack has it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from meetup_alert_webhook.delivery.rate import RateLimiter
from meetup_alert_webhook.digest import model as digests
from meetup_alert_webhook.digest.model import MAX_LINES, Digest
from meetup_alert_webhook.digest.outbox import (
    DIGESTS,
    ITEMS,
    MAX_FOLD,
    OTHER_VERSIONS_SECONDS,
    UNREADABLE,
    OpenDigest,
    Outbox,
)
from meetup_alert_webhook.model import Alert
from meetup_alert_webhook.slack.blocks import digest_message
from meetup_alert_webhook.sources import alertmanager
from meetup_simulator.slack.limits import error_of
from meetup_testkit.slack_plugin import SlackStandIn
from meetupkit.errors import Conflict
from meetupkit.stores.documents import Create
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments
from webhook_running import QUEUES, InProcess, firing, group, log_entry, pushed, resolved, wait_until_folded

StartWebhook = Callable[..., InProcess]
LEASE = 60.0


class Clock:
    """Stands still until it is moved."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteDocuments]:
    documents = SqliteDocuments(tmp_path / "state.sqlite")
    yield documents
    documents.close()


def alert(name: str = "FeedSlow", severity: str = "warning", *, over: bool = False) -> Alert:
    fires = firing(name, severity=severity)
    return alertmanager.to_alert(alertmanager.WebhookBody.model_validate(group(resolved(fires) if over else fires)))


def box(store: SqliteDocuments, clock: Clock, replica: str = "a") -> Outbox:
    return Outbox(store, replica=replica, lease_seconds=LEASE, clock=clock)


def put(outbox: Outbox, store: SqliteDocuments, count: int, channel: str = "#a") -> None:
    for _ in range(count):
        store.commit([outbox.item(alert(), channel)])


def test_everything_that_waits_is_folded_into_its_channels_digest(store: SqliteDocuments, clock: Clock) -> None:
    outbox = box(store, clock)
    put(outbox, store, 5, "#a")
    put(outbox, store, 3, "#b")
    filling: dict[str, OpenDigest] = {}
    assert outbox.fold(filling) == 8
    assert {channel: held.digest.total for channel, held in filling.items()} == {"#a": 5, "#b": 3}
    assert (store.count(ITEMS), store.count(DIGESTS)) == (0, 2)
    outbox.sent(filling["#a"])
    assert store.count(DIGESTS) == 1


def test_a_fold_is_no_longer_than_a_commit_may_be(store: SqliteDocuments, clock: Clock) -> None:
    outbox = box(store, clock)
    put(outbox, store, MAX_FOLD + 1)
    filling: dict[str, OpenDigest] = {}
    assert [outbox.fold(filling), outbox.fold(filling), outbox.fold(filling)] == [MAX_FOLD, 1, 0]
    assert filling["#a"].digest.notices == MAX_FOLD + 1


def test_the_digest_of_a_replica_that_died_is_taken_over_once_and_whole(store: SqliteDocuments, clock: Clock) -> None:
    dead, one, two = box(store, clock, "dead"), box(store, clock, "one"), box(store, clock, "two")
    put(dead, store, 4)
    dead.fold({})
    assert list(one.take_over()) == []
    clock.now += LEASE + 1
    (taken_over,) = one.take_over()
    assert taken_over.digest.total == 4
    assert list(two.take_over()) == []


def test_a_replica_that_slept_over_its_lease_writes_nothing_into_what_another_has(
    store: SqliteDocuments, clock: Clock
) -> None:
    slept, other = box(store, clock, "slept"), box(store, clock, "other")
    put(slept, store, 2)
    filling: dict[str, OpenDigest] = {}
    slept.fold(filling)
    held = filling["#a"]
    clock.now += LEASE + 1
    (taken_over,) = other.take_over()
    put(slept, store, 1)
    assert slept.fold(filling) == 0
    assert filling == {}
    with pytest.raises(Conflict):
        slept.sent(held)
    assert slept.fold(filling) == 1  # into a new one: nothing is lost
    other.sent(taken_over)
    assert store.count(DIGESTS) == 1


def test_that_another_replica_has_sent_the_digest_too_is_said(store: SqliteDocuments, clock: Clock) -> None:
    slept, other = box(store, clock, "slept"), box(store, clock, "other")
    put(slept, store, 2)
    filling: dict[str, OpenDigest] = {}
    slept.fold(filling)
    clock.now += LEASE + 1
    (taken_over,) = other.take_over()
    other.sent(taken_over)
    with pytest.raises(Conflict):
        slept.sent(filling["#a"])


def test_an_item_that_cannot_be_read_any_more_is_counted_and_stops_nothing(
    store: SqliteDocuments, clock: Clock
) -> None:
    outbox = box(store, clock)
    store.commit([Create(ITEMS, "old", {"channel": "#a", "joined_at": 1.0, "alert": '{"form": "another"}'})])
    put(outbox, store, 2)
    filling: dict[str, OpenDigest] = {}
    assert outbox.fold(filling) == 3
    assert (filling["#a"].digest.total, filling["#a"].digest.others) == (3, 1)
    assert error_of(digest_message(filling["#a"].digest)) is None


def put_unreadable(store: SqliteDocuments, clock: Clock, count: int = 1) -> None:
    """What a version left whose digests have another form."""
    for number in range(count):
        fields = {"by": "later", "until": clock.now, "digest": '{"form": "another"}'}
        store.commit([Create(DIGESTS, f"unreadable-{number}", fields)])


def test_a_digest_that_cannot_be_read_is_left_to_other_versions_for_a_while(
    store: SqliteDocuments, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = box(store, clock)
    put_unreadable(store, clock)
    before = store.get(DIGESTS, ["unreadable-0"])
    clock.now += OTHER_VERSIONS_SECONDS - 1
    assert list(outbox.take_over()) == []
    assert store.get(DIGESTS, ["unreadable-0"]) == before
    assert (outbox.unreadable(), caplog.records) == (0, [])


def test_a_digest_that_nobody_reads_is_set_aside_whole_and_said_once(
    store: SqliteDocuments, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = box(store, clock, "one"), box(store, clock, "two")
    put_unreadable(store, clock)
    clock.now += OTHER_VERSIONS_SECONDS + 1
    assert [list(outbox.take_over()) for outbox in (one, two, one)] == [[], [], []]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "unreadable-0" in caplog.text
    assert store.count(DIGESTS) == 0
    kept = store.get(UNREADABLE, ["unreadable-0"])["unreadable-0"]
    assert (kept.fields["digest"], kept.fields["by"]) == ('{"form": "another"}', "later")


def test_however_many_digests_cannot_be_read_one_that_can_is_taken_over(store: SqliteDocuments, clock: Clock) -> None:
    put_unreadable(store, clock, 25)
    dead, outbox = box(store, clock, "dead"), box(store, clock)
    put(dead, store, 3)
    dead.fold({})
    clock.now += OTHER_VERSIONS_SECONDS + LEASE + 1
    taken_over = [*outbox.take_over(), *outbox.take_over()]
    assert [held.digest.total for held in taken_over] == [3]
    assert outbox.unreadable() == 25


def counts_one_unreadable(webhook: InProcess) -> bool:
    return webhook.metric("digests_unreadable") == 1


def test_a_digest_that_was_set_aside_is_a_metric_after_every_start(
    slack: SlackStandIn, start_webhook: StartWebhook, store: SqliteDocuments, clock: Clock
) -> None:
    clock.now = 1.0
    put_unreadable(store, clock)
    for _ in range(2):
        webhook = start_webhook(slack)
        slack.wait_until(partial(counts_one_unreadable, webhook))


def test_what_is_handed_over_is_taken_at_once(store: SqliteDocuments, clock: Clock) -> None:
    outbox = box(store, clock)
    put(outbox, store, 2)
    filling: dict[str, OpenDigest] = {}
    outbox.fold(filling)
    outbox.hand_over(filling["#a"])
    assert [held.digest.total for held in box(store, clock, "next").take_over()] == [2]


def test_a_digest_names_the_worst_kinds_and_counts_the_others() -> None:
    digest = Digest("#a")
    for number in range(MAX_LINES + 10):
        digest = digest.fold(alert(f"Kind{number}"), float(number))
    digest = digest.fold(alert("Worst", "critical"), 99.0)
    assert len(digest.lines) == MAX_LINES
    assert digest.total == MAX_LINES + 11
    assert digest.others == 11
    message = digest_message(digest)
    assert error_of(message) is None
    assert "31 more alerts" in str(message)
    assert "and 11 alerts of other kinds" in str(message)
    assert str(message).index("Worst") < str(message).index("Kind5")
    assert digests.from_json(digests.to_json(digest)) == digest


def test_a_digest_of_one_alert_is_that_alert() -> None:
    message = digest_message(Digest("#a").fold(alert("Lone"), 1.0))
    assert "WARNING · Lone" in str(message)
    assert "more alerts" not in str(message)


def test_a_digest_of_resolves_is_green_and_says_so() -> None:
    digest = Digest("#a").fold(alert(over=True), 1.0).fold(alert("Other", over=True), 2.0)
    assert digest_message(digest)["attachments"][0]["color"] == "#2f9e44"
    assert "RESOLVED · 2 more alerts" in str(digest_message(digest))


def test_turns_are_given_in_order_and_a_long_line_is_seen() -> None:
    now = [0.0]
    rate = RateLimiter(seconds_per_message=1, longest_wait=2, clock=lambda: now[0])
    assert [rate.slot("#a") for _ in range(4)] == [0, 1, 2, None]
    assert rate.is_long("#a")
    assert not rate.is_long("#b")
    now[0] = 1.5
    assert rate.slot("#a") == 1.5
    assert rate.was_long("#a", within=2)
    now[0] = 3
    assert not rate.was_long("#a", within=2)


def test_a_pause_is_kept_and_never_shortened() -> None:
    now = [0.0]
    rate = RateLimiter(seconds_per_message=0, longest_wait=0, clock=lambda: now[0])
    rate.pause("#a", 30)
    rate.pause("#a", 3)
    now[0] = 10
    assert (rate.paused("#a"), rate.paused("#b")) == (20, 0)


def test_more_of_the_same_log_line_becomes_one_digest(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    webhook = start_webhook(slack, DIGEST_SECONDS="600", DIGEST_MAX_SECONDS="600")
    entries = [log_entry(f"entry-{number}", f"attempt {number} failed") for number in range(6)]
    outcomes = [webhook.log_export(pushed(entry)).json()["outcome"] for entry in entries]
    assert outcomes == ["sent", *["queued"] * 5]
    assert webhook.log_export(pushed(log_entry("other", "something else"))).json() == {"outcome": "sent"}
    wait_until_folded(slack, webhook.store)
    webhook.stop()
    following = start_webhook(slack, DIGEST_SECONDS="0.5")
    assert "5 x log of rsvps" in slack.wait_for_text("5 more alerts").text
    slack.wait_until(lambda: following.metric("digested_total") == 5)


def test_a_digest_that_slack_does_not_take_is_kept_until_it_does(
    slack: SlackStandIn, start_webhook: StartWebhook
) -> None:
    queues = start_webhook(slack, **QUEUES)
    for number in range(4):
        assert queues.alertmanager(group(firing(), key=f"{number}")).status_code == 200
    wait_until_folded(slack, queues.store)
    queues.stop()
    slack.stop()
    webhook = start_webhook(slack, DIGEST_SECONDS="0.4")
    slack.wait_until(lambda: webhook.metric("slack_requests_total", result="unavailable") > 0)
    assert len(slack.messages()) == 1
    slack.start()
    slack.wait_for_text("3 more alerts")
    assert len(slack.messages()) == 2

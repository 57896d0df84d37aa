"""An alert is acknowledged when Slack has it, and only then; equal content is sent once; a resolve finds its place."""

from collections.abc import Callable

import pytest
from meetup_alert_webhook.delivery.claims import CLAIMS, Busy, Claims, Taken
from meetup_testkit.slack_plugin import SlackStandIn
from meetupkit.stores.documents import Put
from webhook_running import InProcess, firing, group, log_entry, pushed, resolved

StartWebhook = Callable[..., InProcess]


def test_an_alert_that_slack_took_is_acknowledged(webhook: InProcess, slack: SlackStandIn) -> None:
    answer = webhook.alertmanager(group(firing(feed="rsvps")))
    assert (answer.status_code, answer.json()) == (200, {"outcome": "sent"})
    (posted,) = slack.messages()
    assert "CRITICAL · FeedSilent" in posted.text
    assert "feed `rsvps`" in posted.text
    assert webhook.metric("sent_total", source="alertmanager") == 1


def test_a_log_entry_that_slack_took_is_acknowledged(webhook: InProcess, slack: SlackStandIn) -> None:
    assert webhook.log_export(pushed(log_entry())).json() == {"outcome": "sent"}
    slack.wait_for_text("no room for the cursor", "log of rsvps")


def test_an_unwrapped_log_entry_is_taken_too(webhook: InProcess, slack: SlackStandIn) -> None:
    assert webhook.log_export(log_entry()).json() == {"outcome": "sent"}
    slack.wait_for_text("no room for the cursor")


@pytest.mark.parametrize(
    ("fault", "reason", "wait"),
    [
        ("throttle", "slack_unavailable", 7),
        ("server_error", "slack_unavailable", 1),
        ("reset", "slack_unavailable", 1),
        ("hang", "slack_unavailable", 1),
        ("invalid_auth", "slack_refused", 15),
        ("channel_not_found", "slack_refused", 15),
    ],
)
def test_what_slack_does_not_take_is_answered_503(
    slack: SlackStandIn, start_webhook: StartWebhook, fault: str, reason: str, wait: int
) -> None:
    webhook = start_webhook(slack, **({"SLACK_TIMEOUT_SECONDS": "0.5"} if fault == "hang" else {}))
    slack.fail(fault, retry_after=7)
    answer = webhook.alertmanager(group(firing()))
    assert (answer.status_code, answer.json()) == (503, {"error": reason})
    assert int(answer.headers["Retry-After"]) == wait
    assert webhook.metric("deferred_total", source="alertmanager", reason=reason) == 1
    assert slack.messages() == []


def test_while_slack_wants_a_pause_it_is_not_asked(slack: SlackStandIn, webhook: InProcess) -> None:
    slack.fail("throttle", retry_after=60)
    webhook.alertmanager(group(firing()))
    answer = webhook.alertmanager(group(firing(feed="photos")))
    assert (answer.status_code, answer.json()) == (503, {"error": "slack_paused"})
    assert 50 <= int(answer.headers["Retry-After"]) <= 60
    assert slack.count("ratelimited") == 1


def test_an_alert_refused_for_now_is_taken_when_it_comes_again(slack: SlackStandIn, webhook: InProcess) -> None:
    slack.fail("throttle", times=1, retry_after=1)
    assert webhook.alertmanager(group(firing())).status_code == 503
    slack.wait_until(lambda: webhook.alertmanager(group(firing())).status_code == 200)
    assert len(slack.messages()) == 1


def test_a_short_trouble_of_slack_is_bridged(slack: SlackStandIn, webhook: InProcess) -> None:
    """Brought again if the machine was away for all of the time that there is for tries."""

    def bridged() -> bool:
        slack.recover()
        slack.fail("server_error", times=1)
        return webhook.alertmanager(group(firing())).status_code == 200

    slack.wait_until(bridged)
    assert webhook.metric("retries_total", call="slack") >= 1
    assert len(slack.messages()) == 1


def test_a_message_slack_finds_malformed_is_sent_as_bare_text(slack: SlackStandIn, webhook: InProcess) -> None:
    slack.fail("invalid_blocks", times=1)
    assert webhook.alertmanager(group(firing())).status_code == 200
    (posted,) = slack.messages()
    assert posted.sections == ()
    assert "CRITICAL: FeedSilent" in posted.text


def test_equal_content_is_sent_once(slack: SlackStandIn, webhook: InProcess) -> None:
    outcomes = [webhook.alertmanager(group(firing())).json()["outcome"] for _ in range(3)]
    outcomes += [
        webhook.log_export(pushed(log_entry(), message_id=str(number))).json()["outcome"] for number in range(3)
    ]
    assert outcomes == ["sent", "duplicate", "duplicate"] * 2
    assert len(slack.messages()) == 2


def test_equal_content_through_two_replicas_is_sent_once(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    replicas = [start_webhook(slack), start_webhook(slack)]
    outcomes = {replica.alertmanager(group(firing())).json()["outcome"] for replica in replicas}
    assert outcomes == {"sent", "duplicate"}
    assert len(slack.messages()) == 1


def test_a_restart_does_not_forget_what_was_sent(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    first = start_webhook(slack)
    first.alertmanager(group(firing()))
    first.stop()
    assert start_webhook(slack).alertmanager(group(firing())).json() == {"outcome": "duplicate"}
    assert len(slack.messages()) == 1


def test_equal_content_is_sent_again_after_the_window(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    webhook = start_webhook(slack, DEDUPLICATION_SECONDS="0.2")
    webhook.alertmanager(group(firing()))
    slack.wait_until(lambda: webhook.alertmanager(group(firing())).json() == {"outcome": "sent"})


def test_a_send_under_way_elsewhere_is_waited_for(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    """The other replica hangs at Slack; whoever brings the same meanwhile is told to come back."""
    one, other = start_webhook(slack), start_webhook(slack)
    one.alertmanager(group(firing()))
    (claim,) = one.store.query(CLAIMS, order_by=["until"], limit=10)
    sending = {**claim.fields, "state": "sending", "until": claim.fields["until"] + 1000}
    one.store.commit([Put(CLAIMS, claim.name, sending)])
    answer = other.alertmanager(group(firing()))
    assert (answer.status_code, answer.json()) == (503, {"error": "busy"})
    assert int(answer.headers["Retry-After"]) == 5


def test_a_send_under_way_elsewhere_is_known_to_end_with_its_claim(
    slack: SlackStandIn, start_webhook: StartWebhook
) -> None:
    store = start_webhook(slack).store
    clock = [1_800_000_000.0]
    one, other = (
        Claims(store, replica=name, window_seconds=60, claim_seconds=20, clock=lambda: clock[0]) for name in "ab"
    )
    assert one.take("content") == Taken()
    clock[0] += 18
    assert other.take("content") == Busy(2)
    clock[0] += 2
    assert other.take("content") == Taken()


def test_the_claim_of_a_replica_that_died_runs_out(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    webhook = start_webhook(slack)
    webhook.alertmanager(group(firing()))
    (claim,) = webhook.store.query(CLAIMS, order_by=["until"], limit=10)
    dead = {**claim.fields, "state": "sending", "by": "dead", "until": claim.fields["until"] + 1000}
    webhook.store.commit([Put(CLAIMS, claim.name, dead)])
    assert webhook.alertmanager(group(firing())).status_code == 503
    webhook.store.commit([Put(CLAIMS, claim.name, {**dead, "until": claim.fields["until"]})])
    assert webhook.alertmanager(group(firing())).json() == {"outcome": "sent"}
    assert len(slack.messages()) == 2  # once by the test's first, once for the replica that died


def test_a_resolve_edits_and_answers_the_message_it_belongs_to(slack: SlackStandIn, webhook: InProcess) -> None:
    alert = firing(feed="rsvps")
    webhook.alertmanager(group(alert))
    assert webhook.alertmanager(group(resolved(alert))).json() == {"outcome": "sent"}
    root, reply = slack.messages()
    assert "RESOLVED · FeedSilent" in root.text
    assert root.colour == "#2f9e44"
    assert len(root.edits) == 1
    assert reply.thread == root.ts
    assert "(12 min 30 s)" in reply.text


def test_a_resolve_whose_message_is_not_known_is_a_message_of_its_own(slack: SlackStandIn, webhook: InProcess) -> None:
    webhook.alertmanager(group(resolved(firing())))
    (posted,) = slack.messages()
    assert "RESOLVED" in posted.text
    assert not posted.thread


def test_with_an_incoming_webhook_a_resolve_is_a_message_of_its_own(
    slack: SlackStandIn, start_webhook: StartWebhook
) -> None:
    webhook = start_webhook(slack, SLACK_TOKEN="", SLACK_URL=slack.webhook_url)
    alert = firing()
    webhook.alertmanager(group(alert))
    webhook.alertmanager(group(resolved(alert)))
    assert ["RESOLVED" in posted.text for posted in slack.messages()] == [False, True]


def test_an_alert_that_fires_again_after_its_resolve_is_said_again(slack: SlackStandIn, webhook: InProcess) -> None:
    """Also with the same beginning, as after a network cut between Prometheus and Alertmanager."""
    alert = firing()
    for body in (group(alert), group(resolved(alert)), group(alert)):
        assert webhook.alertmanager(body).json() == {"outcome": "sent"}


def test_a_group_that_grows_is_said_again(slack: SlackStandIn, webhook: InProcess) -> None:
    webhook.alertmanager(group(firing(feed="rsvps")))
    webhook.alertmanager(group(firing(feed="rsvps"), firing(feed="photos")))
    assert "2 firing" in slack.messages()[1].text


def test_while_the_store_is_down_alerts_still_go_out_once(slack: SlackStandIn, webhook: InProcess) -> None:
    webhook.store.close()
    outcomes = [webhook.alertmanager(group(firing())).json()["outcome"] for _ in range(2)]
    assert outcomes == ["sent", "duplicate"]
    assert len(slack.messages()) == 1
    assert webhook.metric("without_store_total") == 1


def test_while_slack_refuses_us_the_service_says_so_and_sees_when_it_is_over(
    slack: SlackStandIn, webhook: InProcess
) -> None:
    assert webhook.page("/readyz").status_code == 200
    slack.fail("invalid_auth", times=1)
    webhook.alertmanager(group(firing()))
    not_ready = webhook.page("/readyz")
    assert (not_ready.status_code, not_ready.text) == (503, "Slack refuses us: invalid_auth\n")
    assert webhook.metric("slack_refused") == 1
    webhook.service.watch()
    assert webhook.page("/readyz").status_code == 200

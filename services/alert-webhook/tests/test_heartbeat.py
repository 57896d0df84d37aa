"""The heartbeat: relayed seldom, missed soon, and passed on only while the whole path works."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from meetup_alert_webhook.watchdog import COLLECTION
from meetup_testkit.slack_plugin import SlackStandIn
from meetupkit.stores.documents import Put
from raw_server import RawServer, http
from webhook_running import InProcess, firing, group, resolved

StartWebhook = Callable[..., InProcess]
WATCHDOG = firing("Watchdog", severity="none")


def test_the_heartbeat_is_relayed_once_and_quietly(webhook: InProcess, slack: SlackStandIn) -> None:
    webhook.alertmanager(group(firing(feed="rsvps")))
    beat = {**WATCHDOG, "annotations": {"records": "rsvps 28,123; photos 512"}}
    for _ in range(3):
        assert webhook.alertmanager(group(beat, key="w")).status_code == 200
    _, quiet = slack.messages()
    assert quiet.text.startswith("Still watching: monitoring works.")
    assert "1 heartbeats and 1 messages since" in quiet.text
    assert "records: rsvps 28,123; photos 512" in quiet.text
    assert quiet.message["attachments"][0]["blocks"][0]["type"] == "context"


def test_the_heartbeat_is_relayed_again_after_its_time(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    webhook = start_webhook(slack, HEARTBEAT_SECONDS="0.2")

    def relayed() -> int:
        webhook.alertmanager(group(WATCHDOG, key="w"))
        return sum("Still watching" in posted.text for posted in slack.messages())

    slack.wait_until(lambda: relayed() >= 2)


def test_a_store_that_does_not_answer_holds_up_no_scrape(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    """Or the webhook would be gone for Prometheus, with all that it has to tell of the store."""
    webhook = start_webhook(slack)
    webhook.alertmanager(group(WATCHDOG, key="w"))
    webhook.store.answers.clear()
    try:
        assert webhook.page("/metrics").status_code == 200
    finally:
        webhook.store.answers.set()


def test_two_replicas_relay_one_heartbeat_once(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    for replica in (start_webhook(slack), start_webhook(slack)):
        assert replica.alertmanager(group(WATCHDOG, key="w")).status_code == 200
    assert len(slack.messages()) == 1


def test_a_missing_heartbeat_is_reported_once_by_all_replicas_and_resolved_when_it_is_back(
    slack: SlackStandIn, start_webhook: StartWebhook
) -> None:
    replicas = [start_webhook(slack, SILENCE_SECONDS="1"), start_webhook(slack, SILENCE_SECONDS="1")]
    silent = slack.wait_for_text("CRITICAL · Monitoring is silent")
    slack.wait_until(lambda: all(replica.metric("monitoring_silent") == 1 for replica in replicas))
    assert [posted.ts for posted in slack.messages()] == [silent.ts]
    assert replicas[0].metric("heartbeat_age_seconds") > 1
    replicas[0].alertmanager(group(WATCHDOG, key="w"))
    slack.wait_for_text("RESOLVED · Monitoring is silent", "The heartbeat is back.")
    assert slack.messages()[0].edits


def test_a_replica_without_its_store_says_that_another_may_hear_the_heartbeat_and_takes_it_back_with_the_store(
    slack: SlackStandIn, start_webhook: StartWebhook
) -> None:
    heard, alone = start_webhook(slack), start_webhook(slack, SILENCE_SECONDS="2")
    alone.store.away = True

    def told(*texts: str) -> bool:
        heard.alertmanager(group(WATCHDOG, key="w"))
        return any(all(text in posted.text for text in texts) for posted in slack.messages())

    assert told("Still watching")
    slack.wait_until(lambda: told("CRITICAL · Monitoring is silent", "the document store does not answer"))
    alone.store.away = False
    slack.wait_until(lambda: told("RESOLVED · Monitoring is silent"))
    slack.wait_until(lambda: told("Still watching") and alone.metric("monitoring_silent") == 0)


def test_silence_is_reported_as_soon_as_slack_takes_it(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    slack.stop()
    webhook = start_webhook(slack, SILENCE_SECONDS="0.5")
    slack.wait_until(lambda: webhook.metric("deferred_total", source="heartbeat", reason="slack_unavailable") > 0)
    slack.start()
    slack.wait_for_text("CRITICAL · Monitoring is silent")
    assert len(slack.messages()) == 1


def test_a_heartbeat_that_alertmanager_resolves_is_silence(webhook: InProcess, slack: SlackStandIn) -> None:
    webhook.alertmanager(group(WATCHDOG, key="w"))
    webhook.alertmanager(group(resolved(WATCHDOG), key="w"))
    slack.wait_for_text("CRITICAL · Monitoring is silent", "Prometheus does not send it")


def test_a_start_after_a_long_stop_is_no_silence(slack: SlackStandIn, start_webhook: StartWebhook) -> None:
    """The heartbeat was not missed while we were not there to see it."""
    first = start_webhook(slack)
    first.alertmanager(group(WATCHDOG, key="w"))
    (beat,) = first.store.query(COLLECTION, order_by=["seen_at"], limit=10)
    first.store.commit([Put(COLLECTION, beat.name, {**beat.fields, "seen_at": time.time() - 86400})])
    first.stop()
    second = start_webhook(slack, SILENCE_SECONDS="3600")
    second.service.watch()
    assert second.metric("monitoring_silent") == 0
    assert len(slack.messages()) == 1


class OutsideWatchdog:
    """Counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        this = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                this.calls += 1
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/secret-path"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def outside() -> Iterator[OutsideWatchdog]:
    watchdog = OutsideWatchdog()
    yield watchdog
    watchdog.close()


@pytest.mark.parametrize("transport", ["token", "webhook"])
def test_the_outside_watchdog_is_called_only_while_the_whole_path_works(
    slack: SlackStandIn, start_webhook: StartWebhook, outside: OutsideWatchdog, transport: str
) -> None:
    by_webhook = {"SLACK_TOKEN": "", "SLACK_URL": slack.webhook_url} if transport == "webhook" else {}
    webhook = start_webhook(slack, PING_URL=outside.url, PING_SECONDS="0.2", **by_webhook)
    slack.wait_until(lambda: webhook.metric("pings_total", result="withheld") > 0)
    assert outside.calls == 0
    webhook.alertmanager(group(WATCHDOG, key="w"))
    slack.wait_until(lambda: outside.calls > 0)
    slack.stop()
    withheld = webhook.metric("pings_total", result="withheld")
    slack.wait_until(lambda: webhook.metric("pings_total", result="withheld") > withheld + 1)
    calls = outside.calls
    slack.wait_until(lambda: webhook.metric("pings_total", result="withheld") > withheld + 3)
    assert outside.calls == calls


HOSTILE: dict[str, tuple[bytes, int | None]] = {
    "a redirect": (http(b"", b"Location: http://user:PW@evil.example/?token=T", status=b"302 Found"), None),
    "an error with escapes": (http(b"\x1b[31m", status=b"500 \x1b[2J"), None),
    "no HTTP": (b"220 mail.example ESMTP\r\n", None),
    "nothing": (b"", None),
    "an endless body": (http(b"a" * 5_000_000), None),
    "dripped headers": (http(b"", b"A: " + b"b" * 5_000), 20),
    "a dripped body": (http(b"a" * 5_000), 70),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_outside_watchdog_that_answers_badly_is_a_failed_ping_and_holds_up_nothing(
    slack: SlackStandIn, start_webhook: StartWebhook, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    answer, drip_from = HOSTILE[name]
    outside = RawServer(answer, drip_from=drip_from)
    try:
        webhook = start_webhook(slack, PING_URL=f"{outside.url}/secret-path", PING_SECONDS="0.2")
        webhook.alertmanager(group(WATCHDOG, key="w"))
        slack.wait_until(lambda: webhook.metric("pings_total", result="failed") > 0)
        assert webhook.page("/livez").status_code == 200
    finally:
        outside.close()
    assert "PW" not in caplog.text
    assert "secret-path" not in caplog.text
    assert "\x1b" not in caplog.text

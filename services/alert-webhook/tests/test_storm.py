"""Ten thousand distinct alerts at once: every one is accounted for, Slack's pace is kept, memory stays flat."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from meetup_testkit.slack_plugin import SlackStandIn, StartSlack
from webhook_running import Webhook, WebhookProcess, alerts_in, firing, group, wait_for_alerts

pytestmark = pytest.mark.faults

StartProcess = Callable[..., WebhookProcess]
ALERTS = 10_000
SENDERS = 12
PACE = 0.1
"""Ten times Slack's, and every other time of the service with it, so that the test is short."""
BURST = 3
SEVERITIES = ("warning", "error", "info", "critical")


def send(webhook: WebhookProcess, numbers: range) -> None:
    """Each alert until it is acknowledged, as Alertmanager does; connections are each thread's own."""
    sender = Webhook(webhook.url)
    pause = threading.Event()
    for number in numbers:
        alert = group(
            firing(f"Kind{number % 30}", feed=f"f{number}", severity=SEVERITIES[number % 4]), key=f"group-{number}"
        )
        while sender.alertmanager(alert).status_code != 200:
            pause.wait(0.05)


@pytest.mark.timeout(240)
def test_a_storm_is_accounted_for_at_slacks_pace_in_flat_memory(
    start_slack: StartSlack, start_process: StartProcess
) -> None:
    slack = start_slack(seconds_per_message=PACE, burst=BURST)
    webhook = start_process(
        slack, SECONDS_PER_MESSAGE=f"{PACE}", DIRECT_WAIT_SECONDS="0.3", DIGEST_SECONDS="1", DIGEST_MAX_SECONDS="6"
    )
    process = psutil.Process(webhook.pid)
    part = ALERTS // SENDERS
    warm = 0
    senders_wait = threading.Event()
    with ThreadPoolExecutor(SENDERS) as senders:
        first = range(0, SENDERS * part, part)
        sending = [senders.submit(send, webhook, range(begin, begin + part)) for begin in first]
        while any(not each.done() for each in sending):
            assert webhook.page("/livez").status_code == 200
            warm = warm or (webhook.metric("received_total", source="alertmanager") > 1000) * process.memory_info().rss
            senders_wait.wait(0.1)
        for each in sending:
            each.result()
    assert process.memory_info().rss < warm + 30 * 1024 * 1024
    sent = SENDERS * part

    wait_for_alerts(slack, sent)
    assert slack.count("ratelimited") <= len(slack.messages()) / 10  # jitter of a busy machine, ten times magnified
    assert in_pace(slack)
    assert any(alerts_in(posted) > 100 for posted in slack.messages())


def in_pace(slack: SlackStandIn) -> bool:
    """Whether over every span no more came than the pace allows; one more for the ends of the span."""
    times = [posted.at for posted in slack.messages()]
    spans = (
        (later - earlier, count) for earlier, later, count in zip(times, times[10:], [10] * len(times), strict=False)
    )
    return all(seconds >= (count - BURST) * PACE * 0.9 for seconds, count in spans)

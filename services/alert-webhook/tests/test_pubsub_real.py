"""A real Pub/Sub emulator pushes log entries: they arrive, and what Slack never takes is dead-lettered."""

import json
from collections.abc import Callable, Iterator

import pytest
from meetup_testkit.emulators import pubsub
from meetup_testkit.slack_plugin import SlackStandIn
from webhook_running import InProcess, log_entry

pytestmark = pytest.mark.faults

StartWebhook = Callable[..., InProcess]
TRIES = 5
"""The least Pub/Sub allows."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[pubsub.PubsubEmulator]:
    command = pubsub.find_command()
    if command is None:
        pytest.skip(pubsub.ABSENT)
    with pubsub.PubsubEmulator(command) as emulator:
        yield emulator


@pytest.mark.parametrize("wrapper", [{}, {"noWrapper": {"writeMetadata": True}}], ids=["wrapped", "unwrapped"])
def test_pushed_log_entries_arrive(
    emulator: pubsub.PubsubEmulator, webhook: InProcess, slack: SlackStandIn, wrapper: dict[str, object]
) -> None:
    name = f"alerts-{'un' if wrapper else ''}wrapped"
    emulator.create_topic(name)
    emulator.subscribe(name, name, pushConfig={"pushEndpoint": f"{webhook.url}/v1/log-export", **wrapper})
    for number in range(3):
        emulator.publish(name, json.dumps(log_entry(f"entry-{number}", f"trouble {'abc'[number]}")).encode())
    for letter in "abc":
        slack.wait_for_text(f"trouble {letter}")
    assert len(slack.messages()) == 3


def test_what_slack_does_not_take_for_a_while_is_pushed_again(
    emulator: pubsub.PubsubEmulator, webhook: InProcess, slack: SlackStandIn
) -> None:
    emulator.create_topic("again")
    emulator.subscribe("again", "again", pushConfig={"pushEndpoint": f"{webhook.url}/v1/log-export"})
    slack.fail("throttle", times=1, retry_after=1)
    emulator.publish("again", json.dumps(log_entry()).encode())
    slack.wait_for_text("no room for the cursor")
    assert len(slack.messages()) == 1


def test_what_slack_never_takes_is_dead_lettered_after_the_configured_tries(
    emulator: pubsub.PubsubEmulator, webhook: InProcess, slack: SlackStandIn
) -> None:
    for topic in ("never", "dead"):
        emulator.create_topic(topic)
    emulator.subscribe("dead", "dead")
    emulator.subscribe(
        "never",
        "never",
        pushConfig={"pushEndpoint": f"{webhook.url}/v1/log-export"},
        deadLetterPolicy=emulator.dead_letters_to("dead", TRIES),
        retryPolicy={"minimumBackoff": "0.1s", "maximumBackoff": "0.2s"},
    )
    slack.fail("invalid_auth")
    entry = json.dumps(log_entry()).encode()
    emulator.publish("never", entry)
    letters: list[bytes] = []

    def dead() -> bool:
        letters.extend(emulator.pull("dead"))
        return bool(letters)

    slack.wait_until(dead)
    assert letters == [entry]
    reasons = ("slack_refused", "slack_paused")
    tries = sum(webhook.metric("deferred_total", source="log_export", reason=reason) for reason in reasons)
    assert tries == TRIES

"""The state in Cloud Firestore: the same promises, across replicas."""

from collections.abc import Callable

from meetup_testkit.emulators.pytest_plugin import FirestoreProject
from meetup_testkit.slack_plugin import SlackStandIn
from webhook_running import QUEUES, InProcess, firing, group, resolved, wait_for_alerts

StartWebhook = Callable[..., InProcess]


def test_replicas_on_firestore_send_once_resolve_in_place_and_digest_the_rest(
    firestore: FirestoreProject, slack: SlackStandIn, start_webhook: StartWebhook
) -> None:
    one, two = (start_webhook(slack, STATE=firestore.url, **QUEUES) for _ in range(2))
    alert = firing(feed="rsvps")
    assert one.alertmanager(group(alert)).json() == {"outcome": "sent"}
    assert two.alertmanager(group(alert)).json() == {"outcome": "duplicate"}
    outcomes = [one.alertmanager(group(firing("More"), key=f"{number}")).json()["outcome"] for number in range(3)]
    assert outcomes == ["queued", "queued", "queued"]
    # The other replica has sent nothing yet, so nothing waits in its line.
    assert two.alertmanager(group(resolved(alert))).json() == {"outcome": "sent"}
    assert slack.messages()[0].edits
    slack.wait_for_text("RESOLVED · FeedSilent")
    one.stop()
    two.stop()
    start_webhook(slack, STATE=firestore.url, DIGEST_SECONDS="0.5")
    wait_for_alerts(slack, 2 + 3)  # the first, which its resolve edited and answered

"""The route file decides the channel, and is refused at the start with every mistake in it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from meetup_alert_webhook.delivery.channels import RoutesError, read_routes
from meetup_alert_webhook.settings import AlertWebhookSettings
from meetup_alert_webhook.sources import alertmanager, log_export
from meetup_testkit.child_process import Ended, run_to_end
from meetup_testkit.slack_plugin import SlackStandIn
from meetupkit.settings import SettingsError
from webhook_running import InProcess, environ, firing, group, log_entry

StartWebhook = Callable[..., InProcess]
GOOD = """
default: "#meetup-alerts"
routes:
  - severity: [critical]
    channel: "#meetup-oncall"
  - labels: {feed: [rsvps, photos]}
    source: log_export
    channel: "#meetup-rsvps"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(text)
    return path


def test_the_first_route_that_matches_names_the_channel(tmp_path: Path) -> None:
    routes = read_routes(written(tmp_path, GOOD), incoming_webhook=False)
    critical = alertmanager.to_alert(alertmanager.WebhookBody.model_validate(group(firing(feed="rsvps"))))
    warning = alertmanager.to_alert(alertmanager.WebhookBody.model_validate(group(firing(severity="warning"))))
    logged = log_export.to_alert(log_export.LogEntry.model_validate(log_entry()), fallback_id="")
    channels = [routes.channel_of(alert) for alert in (critical, warning, logged)]
    assert channels == ["#meetup-oncall", "#meetup-alerts", "#meetup-rsvps"]


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("routes: []", ["default: Field required"]),
        ("default: '#a'\nruotes: []", ["ruotes: Extra inputs are not permitted"]),
        (
            "default: '#a'\nroutes: [{severity: dire, channel: '#b'}]",
            ["routes.0.severity.0: Input should be 'critical'"],
        ),
        ("default: '#a'\nroutes: [{severity: error}]", ["routes.0.channel: Field required"]),
        ("default: '#a'\nwebhooks: {'#b': /nowhere}", ["/nowhere: No such file", "no route leads to #b"]),
        ("default: [", ["is not YAML"]),
        ("", ["the file: Input should be a valid dictionary"]),
    ],
)
def test_every_mistake_of_a_route_file_is_said(tmp_path: Path, text: str, mistakes: list[str]) -> None:
    with pytest.raises(RoutesError) as error:
        read_routes(written(tmp_path, text), incoming_webhook=True)
    assert [mistake for mistake in mistakes if mistake not in str(error.value)] == []


def test_a_channel_without_an_incoming_webhook_of_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RoutesError, match="#meetup-oncall needs a URL of its own"):
        read_routes(written(tmp_path, GOOD), incoming_webhook=True)


def test_each_channel_is_reached_by_its_own_incoming_webhook(
    tmp_path: Path, slack: SlackStandIn, start_webhook: StartWebhook
) -> None:
    secret = tmp_path / "oncall-url"
    secret.write_text(slack.webhook_url_of("#meetup-oncall"))
    text = f"default: main\nroutes: [{{severity: critical, channel: oncall}}]\nwebhooks: {{oncall: {secret}}}"
    webhook = start_webhook(slack, SLACK_TOKEN="", SLACK_URL=slack.webhook_url, ROUTES=str(written(tmp_path, text)))
    webhook.alertmanager(group(firing()))
    webhook.alertmanager(group(firing(severity="warning")))
    assert [len(slack.messages(channel)) for channel in ("#meetup-oncall", "#meetup-alerts")] == [1, 1]


def run(variables: dict[str, str]) -> Ended:
    return run_to_end([sys.executable, "-m", "meetup_alert_webhook"], variables)


def test_a_wrong_route_file_ends_the_start_with_one_message(tmp_path: Path, slack: SlackStandIn) -> None:
    path = written(tmp_path, "routes: []")
    ended = run(environ(slack, tmp_path / "state.sqlite", ROUTES=str(path)))
    assert ended.code == 2
    assert f"ALERT_WEBHOOK_ROUTES: {path}:\n  default: Field required" in ended.said
    assert "Traceback" not in ended.said


def test_wrong_settings_are_all_said_at_once(tmp_path: Path, slack: SlackStandIn) -> None:
    wrong = environ(slack, tmp_path / "x", PORT="many", SLACK_API_URL="ftp://x", STATE="", COLOUR="red")
    ended = run(wrong)
    assert ended.code == 2
    for mistake in ("ALERT_WEBHOOK_PORT", "ALERT_WEBHOOK_SLACK_API_URL", "ALERT_WEBHOOK_STATE: required", "_COLOUR"):
        assert mistake in ended.said


NO_ADDRESSES: Final = {
    "ftp://hooks.example/geheim": "must begin with http:// or https://",
    "https:///geheim": "must begin with http:// or https://",
    "https://user:geheim@hooks.example/": "must not hold a user or password",
    "https://hooks.example:0/geheim": "must name a port from 1 to 65535",
    "https://hooks.example/geheim#x": "must not hold a fragment",
    "https://hooks.example/gehe im": "without white space",
    "https://..../geheim": "must name a host",
}


@pytest.mark.parametrize(("address", "mistake"), NO_ADDRESSES.items())
def test_an_address_that_is_none_is_refused_and_not_repeated(
    tmp_path: Path, slack: SlackStandIn, address: str, mistake: str
) -> None:
    for name in ("PING_URL", "SLACK_URL"):
        with pytest.raises(SettingsError) as refused:
            AlertWebhookSettings.from_environ(environ(slack, tmp_path / "x", **{name: address}))
        assert mistake in str(refused.value)
        assert "gehe" not in str(refused.value)
    (tmp_path / "secret").write_text(address)
    text = f"default: main\nroutes: [{{severity: error, channel: b}}]\nwebhooks: {{b: {tmp_path / 'secret'}}}"
    with pytest.raises(RoutesError, match=mistake) as unread:
        read_routes(written(tmp_path, text), incoming_webhook=True)
    assert "gehe" not in str(unread.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SLACK_TOKEN": ""}, "one of the two"),
        ({"SLACK_URL": "https://hooks.example/x"}, "one of the two"),
        ({"SLACK_CHANNEL": ""}, "needs ALERT_WEBHOOK_SLACK_CHANNEL"),
        ({"OIDC_AUDIENCE": "https://x"}, "belong together"),
        ({"BASIC_USER": "x"}, "belong together"),
        ({"TOKEN": "", "ALLOW_UNAUTHENTICATED": ""}, "no sender of alerts has credentials"),
        ({"DIGEST_SECONDS": "90"}, "at least ALERT_WEBHOOK_DIGEST_SECONDS"),
        (
            {"CLAIM_SECONDS": "0.1", "SLACK_TIMEOUT_SECONDS": "2"},
            "ALERT_WEBHOOK_CLAIM_SECONDS must be longer than a send may take, which is 11 s",
        ),
        ({"SLACK_TIMEOUT_SECONDS": "30"}, "CLAIM_SECONDS must be longer than a send may take, which is 67 s"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    tmp_path: Path, slack: SlackStandIn, changes: dict[str, str], message: str
) -> None:
    ended = run(environ(slack, tmp_path / "x", **changes))
    assert ended.code == 2
    assert message in ended.said


def test_the_shorter_a_send_may_take_the_shorter_a_claim_may_be(slack: SlackStandIn, tmp_path: Path) -> None:
    quick = {"SLACK_TOKEN": "", "SLACK_URL": slack.webhook_url, "DIRECT_WAIT_SECONDS": "0"}
    settings = environ(slack, tmp_path / "x", SLACK_TIMEOUT_SECONDS="0.5", CLAIM_SECONDS="2.6", **quick)
    assert AlertWebhookSettings.from_environ(settings).claim_seconds == 2.6

"""The stand-in for Slack answers as Slack does, remembers what it took, and shows it to a person."""

import subprocess
import sys
from typing import Any

import pytest
import requests
from meetup_simulator.slack.__main__ import READY_LINE
from meetup_simulator.slack.page import rendered
from meetup_testkit.slack_plugin import SlackStandIn, StartSlack

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}


def post(url: str, body: Any, **headers: str) -> requests.Response:
    return requests.post(url, json=body, headers=headers, timeout=60)


def call(slack: SlackStandIn, method: str, body: Any) -> dict[str, Any]:
    answer = post(f"{slack.api_url}/{method}", body, Authorization=f"Bearer {slack.token}")
    found: dict[str, Any] = answer.json()
    return found


def test_a_message_to_a_webhook_is_remembered_in_its_channel(slack: SlackStandIn) -> None:
    answer = post(slack.webhook_url_of("#meetup-oncall"), {"text": "down", "blocks": [SECTION]})
    assert (answer.status_code, answer.text) == (200, "ok")
    (posted,) = slack.messages("#meetup-oncall")
    assert posted.text == "down\n*hello*"
    assert slack.messages("#meetup-alerts") == []


def test_a_bot_posts_edits_and_answers_its_own_message(slack: SlackStandIn) -> None:
    said = call(slack, "chat.postMessage", {"channel": "meetup-alerts", "text": "down"})
    assert said["ok"] is True
    there = {"channel": said["channel"], "ts": said["ts"]}
    assert call(slack, "chat.update", {**there, "text": "up"})["ok"]
    assert call(slack, "chat.postMessage", {"channel": said["channel"], "thread_ts": said["ts"], "text": "it was so"})[
        "ok"
    ]
    root, reply = slack.messages()
    assert (root.text, len(root.edits), reply.thread) == ("up", 1, root.ts)


@pytest.mark.parametrize(
    ("method", "body", "word"),
    [
        ("chat.postMessage", {"channel": "#nowhere", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "#meetup-alerts"}, "no_text"),
        ("chat.postMessage", {"channel": "#meetup-alerts", "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": "#meetup-alerts", "text": "x", "thread_ts": "1.0"}, "thread_not_found"),
        ("chat.update", {"channel": "#meetup-alerts", "text": "x", "ts": "1.0"}, "channel_not_found"),
        ("chat.update", {"channel": "C00000000", "text": "x", "ts": "1.0"}, "message_not_found"),
        ("chat.dance", {"channel": "C00000000"}, "unknown_method"),
    ],
)
def test_the_web_api_says_what_slack_would_say(
    slack: SlackStandIn, method: str, body: dict[str, Any], word: str
) -> None:
    assert call(slack, method, body) == {"ok": False, "error": word}
    assert slack.messages() == []


def test_a_wrong_token_is_refused(slack: SlackStandIn) -> None:
    answer = post(f"{slack.api_url}/auth.test", {}, Authorization="Bearer xoxb-other")
    assert answer.json() == {"ok": False, "error": "invalid_auth"}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ({"blocks": [section("x")] * 51}, "invalid_blocks"),
        ({"blocks": [section("x" * 3001)]}, "invalid_blocks"),
        ({"blocks": [section("")]}, "invalid_blocks"),
        ({"blocks": [{"type": "dance"}]}, "invalid_blocks"),
        ({"blocks": []}, "no_text"),
        ({"text": "x", "attachments": [{"color": "#zzzzzz"}]}, "invalid_attachments"),
        ({"text": "x", "attachments": [{"blocks": [section("x")] * 51}]}, "invalid_attachments"),
        ({}, "no_text"),
        ([], "invalid_payload"),
    ],
)
def test_what_is_beyond_slacks_limits_is_refused(slack: SlackStandIn, message: Any, word: str) -> None:
    answer = post(slack.webhook_url, message)
    assert (answer.status_code, answer.text) == (400, word)
    assert slack.count(word) == 1


def test_what_is_at_slacks_limits_is_taken(slack: SlackStandIn) -> None:
    assert post(slack.webhook_url, {"blocks": [section("x" * 3000)] * 50}).text == "ok"


def test_a_channel_takes_no_more_than_its_pace(start_slack: StartSlack) -> None:
    slack = start_slack(seconds_per_message=600, burst=2)
    answers = [post(slack.webhook_url, {"text": str(number)}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 500 < int(answers[2].headers["Retry-After"]) <= 600
    assert post(slack.webhook_url_of("#meetup-oncall"), {"text": "another channel"}).status_code == 200


def test_an_unknown_webhook_has_no_service(slack: SlackStandIn) -> None:
    answer = post(f"{slack.url}/services/T0/B99/stand-in", {"text": "x"})
    assert (answer.status_code, answer.text) == (404, "no_service")


def test_a_fault_strikes_as_often_as_asked_and_is_counted(slack: SlackStandIn) -> None:
    assert post(f"{slack.url}/faults", {"fault": "throttle", "times": 2, "retry_after": 7}).ok
    answers = [post(slack.webhook_url, {"text": "x"}) for _ in range(3)]
    assert [(answer.status_code, answer.headers.get("Retry-After")) for answer in answers] == [
        (429, "7"),
        (429, "7"),
        (200, None),
    ]
    assert requests.get(f"{slack.url}/faults", timeout=60).json() == {"counts": {"ratelimited": 2, "posted": 1}}


def test_a_fault_lasts_until_it_is_taken_back(slack: SlackStandIn) -> None:
    slack.fail("server_error")
    assert {post(slack.webhook_url, {"text": "x"}).status_code for _ in range(3)} == {500}
    requests.delete(f"{slack.url}/faults", timeout=60)
    assert post(slack.webhook_url, {"text": "x"}).status_code == 200


def test_an_unknown_fault_is_refused_with_the_known_ones(slack: SlackStandIn) -> None:
    answer = post(f"{slack.url}/faults", {"fault": "earthquake"})
    assert answer.status_code == 400
    assert "throttle" in answer.text


@pytest.mark.parametrize("fault", ["reset", "accept_then_reset"])
def test_only_a_reset_after_acceptance_leaves_the_message_there(slack: SlackStandIn, fault: str) -> None:
    slack.fail(fault, times=1)
    with pytest.raises(requests.ConnectionError):
        post(slack.webhook_url, {"text": "x"})
    assert len(slack.messages()) == (1 if fault == "accept_then_reset" else 0)


def test_a_hanging_slack_takes_the_request_and_never_answers(slack: SlackStandIn) -> None:
    slack.fail("hang", times=1)
    with pytest.raises(requests.ReadTimeout):
        requests.post(slack.webhook_url, json={"text": "x"}, timeout=0.3)
    assert slack.count("hang") == 1
    assert slack.messages() == []


def test_a_stopped_slack_refuses_and_comes_back_at_its_address(slack: SlackStandIn) -> None:
    slack.stop()
    with pytest.raises(requests.ConnectionError):
        post(slack.webhook_url, {"text": "x"})
    slack.start()
    assert post(slack.webhook_url, {"text": "x"}).text == "ok"


def test_the_page_shows_messages_and_runs_none_of_them(slack: SlackStandIn) -> None:
    text = "*down* &lt;script&gt; `pod` <https://a.example/?q=*&amp;r=1|Run *book*>\n<script>alert(1)</script>"
    assert post(slack.webhook_url, {"text": "x", "attachments": [{"color": "#b3001b", "blocks": [section(text)]}]}).ok
    page = requests.get(f"{slack.url}/", timeout=60)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<strong>down</strong> &lt;script&gt; <code>pod</code>" in page.text
    assert '<a href="https://a.example/?q=*&amp;r=1" rel="noreferrer">Run *book*</a>' in page.text
    assert "#b3001b" in page.text
    assert "<script" not in page.text


def test_a_date_is_shown_by_its_fallback_and_a_mention_as_one() -> None:
    assert rendered("<!date^1^{date}|at night> <!channel>") == "at night <mark>@channel</mark>"


def test_the_messages_are_listed_for_programs(slack: SlackStandIn) -> None:
    post(slack.webhook_url, {"text": "down"})
    (listed,) = requests.get(f"{slack.url}/messages", params={"channel": "#meetup-alerts"}, timeout=60).json()
    assert (listed["channel"], listed["message"]) == ("#meetup-alerts", {"text": "down"})


def test_the_command_says_where_it_listens_and_ends_when_asked() -> None:
    command = [sys.executable, "-m", "meetup_simulator.slack.__main__", "--port", "0", "--channel", "#one"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix(READY_LINE).strip()
        try:
            assert post(f"{url}/services/T0/B0/stand-in", {"text": "x"}).text == "ok"
        finally:
            process.terminate()
        assert process.wait(60) == 0

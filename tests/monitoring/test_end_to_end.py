"""From a feed that stops to a message in Slack, and from its return to the resolve, through real parts."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from meetup_testkit import namespace
from meetup_testkit.service_process import until
from meetup_testkit.slack_plugin import SlackStandIn

from . import shipped
from .test_metrics import NOT_OURS, used
from .watched_site import GRAFANA, RUNBOOKS, TOKEN, WatchedSite

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

WAIT_SECONDS = 120
"""For a message: its rule's wait, divided, is at most 15 s; the rest is for a busy machine."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedSite]:
    for program in ("prometheus", "prometheus-alertmanager"):
        shipped.program(program, program)
    if not namespace.can_mount():
        pytest.skip(namespace.ABSENT)
    with SlackStandIn() as slack, WatchedSite(tmp_path_factory.mktemp("site"), slack) as running:
        until(running.answers, "Prometheus is ready")
        until(lambda: len(running.healthy_targets()) == 9, "every service is read")
        yield running


def wait_for_message(site: WatchedSite, *texts: str) -> str:
    """The text of the message that holds all of the texts."""

    def found() -> list[str]:
        return [posted.text for posted in site.slack.messages() if all(text in posted.text for text in texts)]

    site.slack.wait_until(lambda: bool(found()), WAIT_SECONDS)
    return found()[-1]


def assert_leads_on(message: str, alert: str, dashboard: str) -> None:
    """From the message to the dashboard and to the runbook."""
    assert f"<{RUNBOOKS}#{alert.lower()}" in message
    assert f"<{GRAFANA}/d/{dashboard}" in message


def test_the_heartbeat_arrives(site: WatchedSite) -> None:
    wait_for_message(site, "Still watching")


def test_a_killed_feed_is_a_message_its_return_resolves_it_and_what_is_lost_is_another(site: WatchedSite) -> None:
    feed = site.streams["event_comments"]
    until(lambda: site.cursor("event_comments") > 0, "a stored cursor, from which a gap is told")
    feed.kill()
    message = wait_for_message(site, "CRITICAL · MeetupFeedDown", "event_comments is not connected")
    assert_leads_on(message, "MeetupFeedDown", "meetup-feeds?var-feed=event_comments")
    site.outlast_the_backlog("event_comments")
    site.streams["event_comments"] = site.start_stream("event_comments", feed.port)
    wait_for_message(site, "RESOLVED · MeetupFeedDown", "event_comments")
    message = wait_for_message(site, "WARNING · MeetupFeedGap", "Records of event_comments may be missing from today")
    assert_leads_on(message, "MeetupFeedGap", "meetup-feeds?var-feed=event_comments")


def test_a_silent_feed_is_a_message_and_its_next_record_resolves_it(site: WatchedSite) -> None:
    stall = site.meetup.faults.stall(feed="rsvps", times=None)
    site.meetup.faults.end(feed="rsvps", times=1)
    message = wait_for_message(site, "WARNING · MeetupFeedSilent", "Nothing new from rsvps for")
    assert_leads_on(message, "MeetupFeedSilent", "meetup-feeds?var-feed=rsvps")
    stall.disarm()
    wait_for_message(site, "RESOLVED · MeetupFeedSilent", "rsvps")


def test_a_refused_key_is_a_message_and_a_key_that_is_taken_resolves_it(site: WatchedSite) -> None:
    refusals = [site.meetup.faults.status(401, path=f"/2/{kind}", times=None) for kind in ("members", "groups")]
    message = wait_for_message(site, "CRITICAL · MeetupKeyRefused", "Meetup refuses the API key")
    assert_leads_on(message, "MeetupKeyRefused", "meetup-enrichment")
    for refusal in refusals:
        refusal.disarm()
    wait_for_message(site, "RESOLVED · MeetupKeyRefused")


def test_a_full_store_is_a_message_and_room_resolves_it(site: WatchedSite) -> None:
    site.disk.fill()
    message = wait_for_message(site, "CRITICAL · MeetupStoreFailing", "does not take the records of photos")
    assert_leads_on(message, "MeetupStoreFailing", "meetup-feeds?var-feed=photos")
    site.disk.make_room()
    wait_for_message(site, "RESOLVED · MeetupStoreFailing", "photos")


def test_a_dead_alertmanager_is_a_message_and_the_next_heartbeat_resolves_it(site: WatchedSite) -> None:
    site.alertmanager.stop()
    wait_for_message(site, "CRITICAL · Monitoring is silent")
    site.alertmanager.start()
    wait_for_message(site, "RESOLVED · Monitoring is silent")


def test_every_rule_is_evaluated_without_an_error(site: WatchedSite) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule for group in site.ask("rules")["groups"] for rule in group["rules"]]

    until(lambda: all(rule["health"] != "unknown" for rule in rules()), "each rule was evaluated once")
    assert {rule["name"]: rule.get("lastError") for rule in rules() if rule["health"] != "ok"} == {}
    assert {rule["name"] for rule in rules()} == {rule.get("alert", rule.get("record")) for rule in shipped.rules()}


def test_every_metric_that_a_dashboard_or_a_rule_names_is_there(site: WatchedSite, trouble: None) -> None:
    def absent() -> set[str]:
        return used() - NOT_OURS - set(site.ask("label/__name__/values"))

    assert wait_until_empty(absent) == set()


def test_every_selector_of_a_rule_finds_a_series(site: WatchedSite, trouble: None) -> None:
    """A metric may be there and the label that a rule asks for not: then the rule never fires."""
    asked = {selector for rule in shipped.rules() for selector in shipped.selectors(rule["expr"])}

    def without() -> set[str]:
        return {text for text in asked if not site.ask("query", query=f"max_over_time({text}[10m])")["result"]}

    assert wait_until_empty(without) == set()


def test_every_panel_shows_something(site: WatchedSite, trouble: None) -> None:
    def empty() -> set[str]:
        now = float(site.ask("query", query="time()")["result"][1])
        window = {"start": str(now - 600), "end": str(now), "step": "1"}
        expressions = shipped.dashboard_expressions()
        return {where for where, text in expressions if not site.ask("query_range", query=text, **window)["result"]}

    assert wait_until_empty(empty) == set()


@pytest.fixture(scope="module")
def trouble(site: WatchedSite) -> None:
    """What the series of some metrics begin with, whichever tests ran before.

    A line that is no record, a connection that is lost and not there again at once, an API that fails until it is left
    alone, an alert without the token and one that is none, and Slack down.
    """
    site.meetup.faults.not_json(feed="rsvps", times=1)
    site.meetup.faults.status(503, feed="rsvps", times=1)
    site.meetup.faults.end(feed="rsvps", times=1)
    outages = [site.meetup.faults.status(503, path=f"/2/{kind}", times=None) for kind in ("members", "groups")]
    gave_up = 'meetup_enricher_retries_total and on () meetup_enricher_breaker_changes_total{state="open"} > 0'
    until(lambda: bool(site.ask("query", query=gave_up)["result"]), "the breaker has opened", seconds=WAIT_SECONDS)
    for outage in outages:
        outage.disarm()
    assert site.notify(b"{}", "not the token") == 401
    assert site.notify(b"{}", TOKEN) == 200
    alert = {"status": "firing", "labels": {"alertname": "Trouble"}, "startsAt": "2026-11-23T20:00:00Z"}
    group = json.dumps({"version": "4", "groupKey": "trouble", "status": "firing", "alerts": [alert]}).encode()
    site.slack.fail("server_error")
    until(lambda: site.notify(group, TOKEN) == 503, "an alert is put off")
    site.slack.recover()
    until(lambda: site.notify(group, TOKEN) == 200, "it is sent")


def wait_until_empty(left: Callable[[], set[str]]) -> set[str]:
    """What is left when nothing is, or when it has been waited for long enough."""
    try:
        until(lambda: not left(), "nothing left", seconds=WAIT_SECONDS, poll=0.5)
    except TimeoutError:
        return left()
    return set()

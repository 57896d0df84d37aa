"""Values that cannot work are refused before anything is installed, in words that say what to change."""

from typing import Final

import pytest

from .helm import CHART, LEAST, Helm, Refused, Values, merged

_WRONG: Final[dict[str, tuple[Values, str]]] = {
    "no bucket": (
        {"bucket": ""},
        "feeds: no bucket for event_comments, open_events, open_venues, photos, rsvps; set bucket",
    ),
    "a name that no Service can have": ({"fullnameOverride": "meetup.prod"}, "no Service can be called meetup.prod-"),
    "unknown feed": ({"feeds": {"checkins": {"label": "checkins"}}}, "checkins is not one of open_events"),
    "row of a known feed": (
        {"feeds": {"rsvps": {"row": {"idField": "id", "timeField": "mtime"}}}},
        "feeds.rsvps: rsvps has its row in the feed table; remove row",
    ),
    "two feeds of one name": (
        {"feeds": {"open-events": {"enabled": True, "feed": "open_events"}}},
        "both would be the MeetupFeed open-events; rename one",
    ),
    "no key": ({"enricher": {"apiKey": {"existingSecret": ""}}}, "set enricher.apiKey.existingSecret"),
    "no project": ({"google": {"project": ""}}, "set google.project, or enricher.documents"),
    "no Slack": ({"alertWebhook": {"slack": {"existingSecret": ""}}}, "set alertWebhook.slack.existingSecret"),
    "Slack twice": ({"alertWebhook": {"slack": {"tokenKey": "token"}}}, "set urlKey (incoming webhook) or tokenKey"),
    "no channel": (
        {"alertWebhook": {"slack": {"urlKey": "", "tokenKey": "token"}}},
        "set alertWebhook.slack.channel or alertWebhook.routes",
    ),
    "nobody to bring alerts": (
        {"alertWebhook": {"alertmanager": {"existingSecret": ""}}},
        "no sender of alerts has credentials; set alertWebhook.alertmanager.existingSecret",
    ),
    "half of Pub/Sub": ({"alertWebhook": {"pubsub": {"audience": "a"}}}, "set both audience and email, or neither"),
    "ingress for nobody": ({"alertWebhook": {"ingress": {"enabled": True}}}, "only Pub/Sub comes that way"),
    "SQLite in a pod": (
        {"enricher": {"documents": "sqlite:////data/x"}},
        "enricher.documents: a pod has no disk of its own",
    ),
    "hashes without a key": ({"insight": {"enabled": True}}, "set insight.hashKey.existingSecret"),
    "insight without a bucket": (
        {"bucket": "", "insight": {"enabled": True, "hashKey": {"existingSecret": "k"}}},
        "insight: nothing to read; set bucket",
    ),
    "profiles of insight in SQLite": (
        {"insight": {"documents": "sqlite:////data/x"}},
        "insight.documents: a pod has no disk of its own",
    ),
    "a warehouse that is none": ({"insight": {"warehouse": "bigquery://meetup-project"}}, "at '/insight/warehouse'"),
    "a variable of the chart's": (
        {"enricher": {"extraEnv": {"ENRICHER_PORT": "1"}}},
        "enricher.extraEnv.ENRICHER_PORT: the chart sets it",
    ),
    "a variable twice": (
        {"operator": {"settings": {"logLevel": "INFO"}, "extraEnv": {"FEED_OPERATOR_LOG_LEVEL": "INFO"}}},
        "operator.settings.logLevel sets the same; keep one of the two",
    ),
    "a range upside down": (
        {"enricher": {"autoscaling": {"enabled": True, "minReplicas": 5}}},
        "enricher.autoscaling: minReplicas is greater than maxReplicas",
    ),
    "rules for nobody": (
        {"monitoring": {"rules": {"enabled": True}}},
        "set monitoring.prometheus to operator or managed",
    ),
    "a key misspelt": ({"enricher": {"replica": 2}}, "'replica' not allowed"),
    "a setting misspelt": ({"enricher": {"settings": {"freshSecond": 1}}}, "'freshSecond' not allowed"),
    "a text for a number": ({"operator": {"replicas": "two"}}, "got string, want integer"),
    "a bucket with gs://": ({"bucket": "gs://meetup"}, "at '/bucket'"),
    "a digest that is none": ({"image": {"digests": {"stream": "latest"}}}, "at '/image/digests/stream'"),
    "an image of nobody": ({"image": {"digests": {"streams": "sha256:" + "0" * 64}}}, "'streams' not allowed"),
    "a label that changes case": ({"feeds": {"rsvps": {"label": "RSVPs"}}}, "at '/feeds/rsvps/label'"),
    "a limit that no stream would get": ({"streams": {"resources": {"limits": {"cpu": "1"}}}}, "'cpu' not allowed"),
    "no limit for the streams": ({"streams": {"resources": {"limits": None}}}, "missing property 'limits'"),
    "a resource that the CRD would drop": (
        {"feeds": {"rsvps": {"resources": {"requests": {"ephemeral-storage": "1Gi"}}}}},
        "'ephemeral-storage' not allowed",
    ),
    "a secret among the settings": (
        {"alertWebhook": {"settings": {"basicPassword": "x"}}},
        "'basicPassword' not allowed",
    ),
}


@pytest.mark.parametrize(("values", "said"), _WRONG.values(), ids=_WRONG.keys())
def test_a_wrong_value_is_refused_in_words(helm: Helm, values: Values, said: str) -> None:
    with pytest.raises(Refused) as refusal:
        helm.template(values)
    assert said in str(refusal.value)


def test_an_install_without_values_says_everything_that_is_missing_at_once(helm: Helm) -> None:
    with pytest.raises(Refused) as refusal:
        helm.run("template", "meetup", str(CHART))
    text = str(refusal.value)
    for missing in ("bucket", "enricher.apiKey.existingSecret", "alertWebhook.slack.existingSecret", "google.project"):
        assert missing in text


def test_a_release_whose_name_no_service_can_begin_with_says_how_to_name_its_objects(helm: Helm) -> None:
    command = ("template", "2026-meetup", str(CHART))
    with pytest.raises(Refused, match=r"fullnameOverride: no Service can be called 2026-meetup-enricher; set a name"):
        helm.run(*command, values=LEAST)
    assert helm.run(*command, values=merged(LEAST, {"fullnameOverride": "meetup"}))


def test_an_umbrella_charts_global_and_enabled_are_allowed(helm: Helm) -> None:
    assert helm.template({"global": {"anything": 1}, "enabled": True})


def test_a_feed_with_a_bucket_of_its_own_needs_none_for_all(helm: Helm) -> None:
    disabled = {name: {"enabled": False} for name in ("open_events", "open_venues", "event_comments", "photos")}
    assert helm.template({"bucket": "", "feeds": {**disabled, "rsvps": {"bucket": "own-bucket"}}})

"""What is installed beside the chart agrees with the chart, and the two variants with each other."""

import re
from typing import Any, Final

import pytest

from . import shipped

FOLDER: Final = shipped.RUNBOOKS.parent


def loaded(name: str) -> Any:
    return shipped.document(FOLDER / name)


STACK: Final = loaded("kube-prometheus-stack.yaml")
ROUTES: Final = loaded("alertmanager.yaml")
MANAGED: Final = loaded("managed-prometheus.yaml")


def test_the_stacks_alertmanager_has_the_configuration_that_is_tested() -> None:
    assert STACK["alertmanager"]["config"] == ROUTES


def test_alertmanager_sends_to_the_service_that_the_chart_makes() -> None:
    template = (shipped.CHART / "templates" / "alert-webhook" / "service.yaml").read_text()
    port = re.search(r"name: http, port: (\d+)", template)
    assert port
    for receiver in ROUTES["receivers"]:
        for webhook in receiver.get("webhook_configs", []):
            assert webhook["url"] == f"http://meetup-alert-webhook.meetup.svc:{port[1]}/v1/alertmanager"


def test_alertmanager_finds_the_token_that_it_brings() -> None:
    paths = {
        webhook["http_config"]["authorization"]["credentials_file"]
        for receiver in ROUTES["receivers"]
        for webhook in receiver.get("webhook_configs", [])
    }
    mounted = {
        f"/etc/alertmanager/secrets/{name}/token" for name in STACK["alertmanager"]["alertmanagerSpec"]["secrets"]
    }
    assert paths == mounted


@pytest.mark.parametrize(
    "labels",
    [STACK["prometheus"]["prometheusSpec"]["externalLabels"], MANAGED["rules"]["externalLabels"]],
    ids=["stack", "managed"],
)
def test_alerts_know_where_grafana_is(labels: dict[str, str]) -> None:
    named = {
        name for alert in shipped.alerts() for name in re.findall(r"\$externalLabels\.(\w+)", str(alert.annotations))
    }
    assert labels.keys() == named - {"runbook_base_url"}, "of which the chart has a value"


def test_grafanas_sidecar_looks_for_the_label_that_the_chart_gives() -> None:
    values = shipped.document(shipped.CHART / "values.yaml")
    assert list(values["monitoring"]["dashboards"]["labels"]) == [STACK["grafana"]["sidecar"]["dashboards"]["label"]]


def test_the_heartbeat_has_a_route_of_its_own_and_is_missed_only_after_several() -> None:
    watchdog = next(route for route in ROUTES["route"]["routes"] if 'alertname = "Watchdog"' in route["matchers"])
    assert watchdog["receiver"] == "heartbeat"
    assert watchdog["repeat_interval"] == "5m"  # a quarter of ALERT_WEBHOOK_SILENCE_SECONDS
    assert any(alert.name == "Watchdog" for alert in shipped.alerts())


@pytest.mark.parametrize("part", ["kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy", "coreDns"])
def test_what_gke_runs_out_of_reach_is_not_missed(part: str) -> None:
    """The chart's own rules would report each as down, for ever."""
    assert STACK[part] == {"enabled": False}


def test_an_alert_is_hidden_only_by_one_of_its_feed_or_by_name() -> None:
    """Labels that both lack count as equal; or one critical alert would hide every warning of a namespace."""
    names = {alert.name for alert in shipped.alerts()} | {"InfoInhibitor"}
    for rule in ROUTES["inhibit_rules"]:
        if 'feed =~ ".+"' in rule["source_matchers"]:
            assert "feed" in rule["equal"]
            continue
        (source,) = [matcher for matcher in rule["source_matchers"] if matcher.startswith("alertname")]
        (target,) = rule["target_matchers"]
        named = re.findall(r"\b[A-Z]\w+", source + target)
        assert named
        assert set(named) <= names

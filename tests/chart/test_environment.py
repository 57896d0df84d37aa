"""What the chart puts into a container is what the service in it understands."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from meetup_alert_webhook.delivery.channels import read_routes
from meetup_alert_webhook.settings import AlertWebhookSettings
from meetup_enricher.settings import EnricherSettings
from meetup_feed_operator.resources.manifests import desired
from meetup_feed_operator.resources.meetupfeed import read_feed
from meetup_feed_operator.settings import OperatorSettings
from meetup_gateway.settings import GatewaySettings
from meetup_insight.settings import InsightSettings
from meetup_simulator.graphql_api.keys import new_private_key
from meetup_stream.settings import StreamSettings
from meetupkit.feeds import FEEDS
from meetupkit.settings import Settings

from .helm import NAMESPACE, Helm, Manifest, Values, environment, merged, named, of_kind, pods
from .pod_security import violations
from .variants import EVERYTHING, VARIANTS

_SETTINGS: Final[dict[str, type[Settings]]] = {
    "alert-webhook": AlertWebhookSettings,
    "enricher": EnricherSettings,
    "feed-operator": OperatorSettings,
    "gateway": GatewaySettings,
    "insight": InsightSettings,
}
_OFF: Final = {"gateway", "insight"}
"""Services that a release has only when asked."""


def with_secrets(environ: Mapping[str, str], container: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """The environment with every mounted file's path led to a stand-in, as a test has no mounts."""
    mounts = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    led = dict(environ)
    for variable, value in environ.items():
        if value.startswith("/etc/meetup/"):
            assert any(value.startswith(f"{mount}/") for mount in mounts), f"{variable}={value} is not mounted"
            stand_in = folder / Path(value).name
            is_key = variable == "GATEWAY_SIGNING_KEY_FILE"
            stand_in.write_text(new_private_key() if is_key else "https://hooks.example/a-secret")
            led[variable] = str(stand_in)
    return led


def settings_of(pod: Manifest, folder: Path) -> tuple[Settings, Mapping[str, Any]]:
    (container,) = pod["spec"]["containers"]
    environ = with_secrets(environment(container), container, folder)
    return _SETTINGS[container["name"]].from_environ(environ), container


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_service_accepts_the_environment_it_is_given(helm: Helm, variant: Values, tmp_path: Path) -> None:
    deployments = of_kind(helm.template(variant), "Deployment")
    for deployment in deployments:
        settings, container = settings_of(deployment["spec"]["template"], tmp_path)
        assert settings.model_dump()["host"] == "0.0.0.0", "or no probe reaches it"
        assert [port["containerPort"] for port in container["ports"]] == [settings.model_dump()["port"]]
    wanted = {name for name in _SETTINGS if variant.get(_values_key(name), {}).get("enabled", name not in _OFF)}
    assert {d["spec"]["template"]["spec"]["containers"][0]["name"] for d in deployments} == wanted


def _values_key(service: str) -> str:
    return {"alert-webhook": "alertWebhook", "feed-operator": "operator"}.get(service, service)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_rendered_feed_becomes_a_stream_that_accepts_its_environment(
    helm: Helm, variant: Values, tmp_path: Path
) -> None:
    manifests = helm.template(merged({"operator": {"enabled": True}}, variant, {"operator": {"enabled": True}}))
    operator = operator_settings(manifests, tmp_path)
    feeds = of_kind(manifests, "MeetupFeed")
    assert feeds
    for feed in feeds:
        body = merged(feed, {"metadata": {"uid": "u", "generation": 1}})
        for manifest in desired(read_feed(body), operator):
            if manifest["kind"] == "Deployment":
                spec = manifest["spec"]["template"]["spec"]
                (container,) = spec["containers"]
                stream = StreamSettings.from_environ(with_secrets(environment(container), container, tmp_path))
                assert stream.feed == feed["spec"]["feed"]
                assert not list(violations(spec))


def operator_settings(manifests: list[Manifest], folder: Path) -> OperatorSettings:
    for _, pod in pods(manifests):
        if pod["spec"]["containers"][0]["name"] == "feed-operator":
            settings, _ = settings_of(pod, folder)
            assert isinstance(settings, OperatorSettings)
            return settings
    pytest.fail("no operator")


def test_the_streams_bring_the_token_that_the_enricher_asks_for(helm: Helm, tmp_path: Path) -> None:
    """From one entry of one Secret, as a file, into the enricher's pod and into every stream's that speaks to it."""
    manifests = helm.template(EVERYTHING)
    enricher = named(manifests, "Deployment", "collector-enricher")["spec"]["template"]["spec"]
    mounted = [_entry_at(enricher, environment(enricher["containers"][0])["ENRICHER_TOKEN_FILE"])]
    for feed in of_kind(manifests, "MeetupFeed"):
        rendered = desired(read_feed(merged(feed, {"metadata": {"uid": "u"}})), operator_settings(manifests, tmp_path))
        (spec,) = (m["spec"]["template"]["spec"] for m in rendered if m["kind"] == "Deployment")
        told = environment(spec["containers"][0])
        assert ("STREAM_ENRICHER_TOKEN_FILE" in told) is ("STREAM_ENRICHER_URL" in told)
        if "STREAM_ENRICHER_TOKEN_FILE" in told:
            mounted.append(_entry_at(spec, told["STREAM_ENRICHER_TOKEN_FILE"]))
    assert len(mounted) > 1
    assert set(mounted) == {("enricher-token", "bearer")}


def test_without_a_token_nothing_is_mounted_and_nothing_asked_for(helm: Helm, tmp_path: Path) -> None:
    manifests = helm.template()
    (container,) = named(manifests, "Deployment", "meetup-enricher")["spec"]["template"]["spec"]["containers"]
    assert "ENRICHER_TOKEN_FILE" not in environment(container)
    feed = merged(of_kind(manifests, "MeetupFeed")[0], {"metadata": {"uid": "u"}})
    for manifest in desired(read_feed(feed), operator_settings(manifests, tmp_path)):
        if manifest["kind"] == "Deployment":
            assert "volumes" not in manifest["spec"]["template"]["spec"]


def _entry_at(spec: Mapping[str, Any], path: str) -> tuple[str, str]:
    """The Secret and the entry that a container finds at a path."""
    (mount,) = (m for m in spec["containers"][0]["volumeMounts"] if path.startswith(m["mountPath"] + "/"))
    assert mount["readOnly"]
    (volume,) = (v["secret"] for v in spec["volumes"] if v["name"] == mount["name"])
    assert volume["defaultMode"] == 0o440
    (item,) = (item for item in volume["items"] if item["path"] == path.removeprefix(mount["mountPath"] + "/"))
    return volume["secretName"], item["key"]


def test_common_labels_are_on_every_object_and_pod_of_the_chart_and_of_the_operator(helm: Helm, tmp_path: Path) -> None:
    manifests = helm.template(EVERYTHING)
    made = [
        each
        for feed in of_kind(manifests, "MeetupFeed")
        for each in desired(read_feed(merged(feed, {"metadata": {"uid": "u"}})), operator_settings(manifests, tmp_path))
    ]
    assert made
    for manifest in [*manifests, *made]:
        labels = manifest["metadata"]["labels"]
        assert labels["team"] == "data", manifest["kind"]
        assert labels["app.kubernetes.io/name"] != "not-ours-to-change"
    for _, pod in pods([*manifests, *made]):
        assert pod["metadata"]["labels"]["team"] == "data"


def test_the_streams_are_told_the_address_that_the_enrichers_service_has(
    manifests: list[Manifest], tmp_path: Path
) -> None:
    url = operator_settings(manifests, tmp_path).enricher_url
    assert url == f"http://meetup-enricher.{NAMESPACE}.svc:8080"
    service = named(manifests, "Service", "meetup-enricher")
    assert service["spec"]["ports"] == [{"name": "http", "port": 8080, "targetPort": "http", "protocol": "TCP"}]


def test_no_release_values_mean_all_five_feeds_under_names_that_kubernetes_allows(manifests: list[Manifest]) -> None:
    feeds = {feed["metadata"]["name"]: feed["spec"] for feed in of_kind(manifests, "MeetupFeed")}
    assert feeds == {name.replace("_", "-"): {"feed": name} for name in FEEDS}


def test_a_feed_that_is_added_is_read_and_named_as_the_crd_allows(helm: Helm) -> None:
    """It was left out without a word if it had no ``enabled``, and refused by the API server for a - in its name."""
    added = {"url": "https://stream.example/2/checkins", "row": {"idField": "checkin_id", "timeField": "mtime"}}
    feeds = of_kind(helm.template({"feeds": {"check-ins": added}}), "MeetupFeed")
    (found,) = (feed["spec"] for feed in feeds if feed["metadata"]["name"] == "check-ins")
    assert found == {"feed": "check_ins", **added}


def test_numbers_reach_a_service_as_they_were_written(helm: Helm, tmp_path: Path) -> None:
    """Helm reads whole numbers as floating-point ones, and would print 33554432 as 3.3554432e+07."""
    found = {}
    for name, pod in pods(of_kind(helm.template(EVERYTHING), "Deployment")):
        found[name], _ = settings_of(pod, tmp_path)
    webhook, enricher = found["collector-alert-webhook"], found["collector-enricher"]
    assert isinstance(webhook, AlertWebhookSettings)
    assert isinstance(enricher, EnricherSettings)
    assert webhook.body_limit_bytes == 33_554_432
    assert enricher.fresh_seconds == 2_592_000
    assert enricher.linger_seconds == 0.5


def test_the_route_file_is_one_that_the_webhook_reads(helm: Helm, tmp_path: Path) -> None:
    (routes,) = (m for m in of_kind(helm.template(EVERYTHING), "ConfigMap") if m["metadata"]["name"].endswith("routes"))
    file = tmp_path / "routes.yaml"
    file.write_text(routes["data"]["routes.yaml"])
    assert read_routes(file, incoming_webhook=False).default == "#meetup"


def test_a_changed_route_file_restarts_the_webhook(newest_helm: Helm) -> None:
    def checksum(values: Values) -> str:
        (pod,) = (
            pod for name, pod in pods(newest_helm.template(EVERYTHING, values)) if name == "collector-alert-webhook"
        )
        return str(pod["metadata"]["annotations"]["checksum/routes"])

    assert checksum({}) == checksum({})
    assert checksum({}) != checksum({"alertWebhook": {"routes": {"default": "#other"}}})


def test_no_secret_is_in_an_environment_or_an_argument(helm: Helm) -> None:
    for _, pod in pods(helm.template(EVERYTHING)):
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", []):
                assert "secretKeyRef" not in variable.get("valueFrom", {})

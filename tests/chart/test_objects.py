"""What the chart promises of its objects, beyond their being valid."""

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from meetup_feed_operator.resources.deployment import OPS_PORT
from meetup_feed_operator.resources.deployment import environment as stream_environment
from meetup_feed_operator.resources.manifests import desired
from meetup_feed_operator.resources.meetupfeed import read_feed
from meetup_feed_operator.resources.names import selector_of
from meetup_feed_operator.settings import OperatorSettings

from .helm import CHART, NAMESPACE, RELEASE, Helm, Manifest, Values, environment, merged, named, of_kind, pods
from .variants import EVERYTHING, VARIANTS

_WITH_PODS = ("alert-webhook", "enricher", "feed-operator")


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_scaled_deployment_has_no_replicas_and_every_other_one_has(helm: Helm, variant: Values) -> None:
    """Helm 4 would set them back at each upgrade, and the autoscaler would own the field: a conflict."""
    manifests = helm.template(variant)
    scaled = {hpa["spec"]["scaleTargetRef"]["name"] for hpa in of_kind(manifests, "HorizontalPodAutoscaler")}
    for deployment in of_kind(manifests, "Deployment"):
        assert ("replicas" in deployment["spec"]) is (deployment["metadata"]["name"] not in scaled)


def test_everything_scales_what_it_was_told_to(helm: Helm) -> None:
    scalers = of_kind(helm.template(EVERYTHING), "HorizontalPodAutoscaler")
    assert {s["metadata"]["name"] for s in scalers} == {"collector-enricher", "collector-alert-webhook"}


def test_several_replicas_have_a_disruption_budget_and_a_single_one_has_none(helm: Helm) -> None:
    def budgets(values: Values) -> set[str]:
        return {budget["metadata"]["name"] for budget in of_kind(helm.template(values), "PodDisruptionBudget")}

    assert budgets({}) == {"meetup-alert-webhook"}
    assert budgets({"alertWebhook": {"replicas": 1}}) == set()
    assert budgets({"enricher": {"autoscaling": {"enabled": True}}}) == {"meetup-alert-webhook", "meetup-enricher"}
    assert budgets({"enricher": {"autoscaling": {"enabled": True, "minReplicas": 1}}}) == {"meetup-alert-webhook"}


def test_pods_that_cannot_start_keep_no_node_from_being_drained(helm: Helm) -> None:
    """By default a budget also guards pods that crash in a loop, and no budget is left when none is ready."""
    budgets = of_kind(helm.template(EVERYTHING), "PodDisruptionBudget")
    assert [budget["spec"]["unhealthyPodEvictionPolicy"] for budget in budgets] == ["AlwaysAllow"] * 2


def test_a_whole_reference_wins_over_a_digest_a_digest_over_the_tag_and_the_tag_over_the_charts_version(
    helm: Helm,
) -> None:
    def images(values: Values) -> dict[str, str]:
        return {name: pod["spec"]["containers"][0]["image"] for name, pod in pods(helm.template(values))}

    assert images({})["meetup-enricher"] == "meetup-analysis/enricher:0.1.0"
    everything = images(EVERYTHING)
    assert everything["collector-enricher"] == "registry.example/meetup/enricher@sha256:" + "b" * 64
    assert everything["collector-alert-webhook"] == "registry.example/meetup/alert-webhook:1.2.3"
    whole = {"image": {"references": {"enricher": "registry.local:5000/enricher:dirty"}}}
    assert images(merged(EVERYTHING, whole))["collector-enricher"] == "registry.local:5000/enricher:dirty"


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_selector_finds_the_pods_it_is_meant_for_and_no_others(helm: Helm, variant: Values) -> None:
    manifests = helm.template(variant)
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(manifests)}
    for manifest in manifests:
        spec = manifest.get("spec", {})
        selector = spec.get("podSelector") or spec.get("selector") if manifest["kind"] != "MeetupFeed" else None
        if selector:
            wanted = selector.get("matchLabels", selector)
            found = {name for name, has in labels.items() if wanted.items() <= has.items()}
            if manifest["metadata"]["name"].endswith("-test"):
                assert found == {name for name in labels if name.endswith("-test")}
            else:
                assert found == {manifest["metadata"]["name"]}, manifest["kind"]


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_pod_has_a_network_policy_unless_they_are_off(helm: Helm, variant: Values) -> None:
    manifests = helm.template(variant)
    policies = of_kind(manifests, "NetworkPolicy")
    if variant.get("networkPolicy", {}).get("enabled", True):
        for name, pod in pods(manifests):
            labels = pod["metadata"]["labels"].items()
            assert any(p["spec"]["podSelector"]["matchLabels"].items() <= labels for p in policies), name
    else:
        assert not policies


def test_only_those_who_must_reach_a_pod_may(manifests: list[Manifest]) -> None:
    def sources(name: str) -> set[str]:
        (rule,) = named(manifests, "NetworkPolicy", name)["spec"]["ingress"]
        return {
            peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
            if "podSelector" in peer
            else "namespace " + peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for peer in rule["from"]
        }

    assert sources("meetup-enricher") == {"meetup-stream", "meetup-test", "namespace monitoring"}
    assert sources("meetup-alert-webhook") == {"meetup-test", "namespace monitoring"}
    assert sources("meetup-feed-operator") == {"meetup-test", "namespace monitoring"}
    assert "ingress" not in named(manifests, "NetworkPolicy", "meetup-test")["spec"]


_INSIGHT: Values = {"insight": {"enabled": True, "hashKey": {"existingSecret": "meetup-insight"}}}


def test_insights_page_is_open_to_whom_the_values_name_and_to_nobody_else(helm: Helm) -> None:
    def sources(values: Values) -> set[str]:
        (rule,) = named(helm.template(_INSIGHT, values), "NetworkPolicy", "meetup-insight")["spec"]["ingress"]
        return {str(peer.get("podSelector") or peer["namespaceSelector"]) for peer in rule["from"]}

    more = sources({"insight": {"visitors": ["ingress-nginx"]}}) - sources({})
    assert more == {str({"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}})}
    assert len(sources({})) == 2, "Prometheus, and the pod of helm test"


def test_insight_is_one_writer_whose_forgotten_members_outlive_the_release(helm: Helm) -> None:
    manifests = helm.template(_INSIGHT)
    deployment = named(manifests, "Deployment", "meetup-insight")["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    claim = named(manifests, "PersistentVolumeClaim", "meetup-insight")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    spec = deployment["template"]["spec"]
    (mounted,) = (v["name"] for v in spec["volumes"] if "persistentVolumeClaim" in v)
    (container,) = spec["containers"]
    (path,) = (mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == mounted)
    told = environment(container)
    for variable in ("INSIGHT_FORGOTTEN", "INSIGHT_PUBLISHED"):
        assert told[variable].startswith(f"{path}/")
    assert told["INSIGHT_WAREHOUSE"].startswith(f"duckdb:///{path}/")
    assert container["args"] == ["serve"]


def test_insights_page_answers_before_there_is_anything_to_see(helm: Helm) -> None:
    """The first build of a large bucket takes long, and the page says so; the rollout waits for it."""
    manifests = helm.template(_INSIGHT)
    assert named(manifests, "Service", "meetup-insight")["spec"]["publishNotReadyAddresses"] is True
    assert named(manifests, "Deployment", "meetup-insight")["spec"]["progressDeadlineSeconds"] > 600


def test_insight_reads_the_feeds_of_the_charts_bucket_where_their_labels_say(helm: Helm, tmp_path: Path) -> None:
    feeds: Values = {
        "feeds": {
            "photos": {"label": "pictures"},
            "rsvps": {"bucket": "busy"},
            "rsvps-eu": {"feed": "rsvps", "label": "answers-eu"},
            "comments-eu": {"feed": "event_comments", "label": "comments-eu"},
            "open_venues": {"enabled": False},
            "checkins": {"url": "https://s.example/2/c", "row": {"idField": "id", "timeField": "mtime"}},
        }
    }
    (container,) = named(helm.template(_INSIGHT, feeds), "Deployment", "meetup-insight")["spec"]["template"]["spec"][
        "containers"
    ]
    told = environment(container)
    assert told["INSIGHT_OBJECTS"] == "gs://meetup-records"
    assert told["INSIGHT_LABELS"] == "photos=pictures,rsvps=answers-eu"
    notes = helm.notes(tmp_path, _INSIGHT, feeds)
    assert "it does not read: checkins, comments-eu, rsvps\n" in notes


def test_insight_reads_profiles_where_the_enricher_writes_them_and_has_no_more_roles_than_it_uses(
    helm: Helm, tmp_path: Path
) -> None:
    def roles(name: str, values: Values) -> list[str]:
        (folder := tmp_path / name).mkdir()
        return re.findall(
            r"--role (\S+)[^\n]*\\\n\s+--member \S+/sa/meetup-insight", helm.notes(folder, _INSIGHT, values)
        )

    def documents(values: Values) -> str | None:
        spec = named(helm.template(_INSIGHT, values), "Deployment", "meetup-insight")["spec"]["template"]["spec"]
        return environment(spec["containers"][0]).get("INSIGHT_DOCUMENTS")

    elsewhere: Values = {"enricher": {"documents": "firestore://other/db"}}
    off: Values = {"enricher": {"enabled": False}}
    assert documents({}) == "firestore://meetup-project"
    assert documents(elsewhere) == "firestore://other/db"
    assert documents(off) is None
    assert documents(merged(off, {"insight": {"documents": "firestore://third"}})) == "firestore://third"
    objects, profiles = "roles/storage.objectViewer", "roles/datastore.viewer"
    assert roles("least", {}) == [objects, profiles]
    assert roles("none", off) == [objects]
    assert roles("bigquery", {"insight": {"warehouse": "bigquery://tables-project/meetup"}}) == [
        objects, profiles, "roles/bigquery.jobUser", "roles/bigquery.dataEditor",
    ]  # fmt: skip


def test_googles_collectors_may_read_the_metrics_that_they_are_told_of(helm: Helm) -> None:
    manifests = helm.template({"monitoring": {"prometheus": "managed"}})
    (operator,) = named(manifests, "Deployment", "meetup-feed-operator")["spec"]["template"]["spec"]["containers"]
    told = environment(operator)["FEED_OPERATOR_MONITORING_NAMESPACES"].split(",")
    assert set(told) == {"monitoring", "gmp-system", "gke-gmp-system"}
    for name in _WITH_PODS:
        (rule,) = named(manifests, "NetworkPolicy", f"meetup-{name}")["spec"]["ingress"]
        allowed = [peer["namespaceSelector"]["matchLabels"] for peer in rule["from"] if "podSelector" not in peer]
        assert [labels["kubernetes.io/metadata.name"] for labels in allowed] == told


def test_pods_reach_names_the_metadata_server_and_https_and_what_is_named(helm: Helm) -> None:
    def ports(values: Values, name: str) -> set[int]:
        egress = named(helm.template(values), "NetworkPolicy", name)["spec"]["egress"]
        return {port["port"] for rule in egress for port in rule["ports"]}

    assert ports({}, "meetup-enricher") == {53, 80, 988, 443}
    assert ports(EVERYTHING, "collector-enricher") == {53, 80, 988, 443, 8443}
    assert ports({}, "meetup-feed-operator") == {53, 443, 6443, 8080}
    assert ports(EVERYTHING, "collector-feed-operator") == {53, 443, 6443, 8080, 8443}


def test_network_policies_see_the_port_that_streams_are_told(manifests: list[Manifest]) -> None:
    """A policy sees the port of the pod behind a Service, so the Service's must be the same one."""
    (container,) = named(manifests, "Deployment", "meetup-enricher")["spec"]["template"]["spec"]["containers"]
    (listens,) = container["ports"]
    (service,) = named(manifests, "Service", "meetup-enricher")["spec"]["ports"]
    assert (service["targetPort"], service["port"]) == (listens["name"], listens["containerPort"])
    assert environment(container)["ENRICHER_PORT"] == str(listens["containerPort"])
    ingress = named(manifests, "NetworkPolicy", "meetup-enricher")["spec"]["ingress"]
    assert [rule["ports"] for rule in ingress] == [[{"protocol": "TCP", "port": listens["name"]}]]

    (operator,) = named(manifests, "Deployment", "meetup-feed-operator")["spec"]["template"]["spec"]["containers"]
    settings = OperatorSettings.from_environ(environment(operator))
    assert urlsplit(settings.enricher_url).port == listens["containerPort"]
    for body in of_kind(manifests, "MeetupFeed"):
        feed = read_feed({**body, "metadata": {**body["metadata"], "uid": "0"}})
        (policy,) = of_kind(desired(feed, settings), "NetworkPolicy")
        reached = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
        told = "STREAM_ENRICHER_URL" in stream_environment(feed, settings)  # venues name nobody
        assert (listens["containerPort"] in reached) is told, feed.name


def test_the_operator_reaches_the_pages_of_the_pods_it_makes(manifests: list[Manifest]) -> None:
    *_, pages = named(manifests, "NetworkPolicy", "meetup-feed-operator")["spec"]["egress"]
    assert pages["ports"] == [{"protocol": "TCP", "port": OPS_PORT}]
    assert pages["to"][0]["podSelector"]["matchLabels"].items() <= selector_of("rsvps").items()


def test_the_ingress_shows_the_path_of_pub_sub_and_nothing_else(helm: Helm) -> None:
    (ingress,) = of_kind(helm.template(EVERYTHING), "Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert [(p["path"], p["pathType"]) for p in rule["http"]["paths"]] == [("/v1/log-export", "Exact")]
    policy = named(helm.template(EVERYTHING), "NetworkPolicy", "collector-alert-webhook")
    assert {"ipBlock": {"cidr": "35.191.0.0/16"}} in policy["spec"]["ingress"][0]["from"]


def test_gkes_controller_takes_the_ingress_by_its_annotation_and_others_by_their_class(helm: Helm) -> None:
    """GKE leaves an Ingress with ingressClassName alone, and the API server refuses one that has both."""

    def classes(name: str) -> tuple[str | None, str | None]:
        values: Values = {"alertWebhook": {"ingress": {"className": name, "annotations": {"a": "b"}}}}
        (ingress,) = of_kind(helm.template(EVERYTHING, values), "Ingress")
        assert ingress["metadata"]["annotations"]["a"] == "b"
        annotation = ingress["metadata"]["annotations"].get("kubernetes.io/ingress.class")
        return annotation, ingress["spec"].get("ingressClassName")

    assert classes("gce") == ("gce", None)
    assert classes("gce-internal") == ("gce-internal", None)
    assert classes("nginx") == (None, "nginx")


def test_gkes_load_balancer_reaches_the_webhook_at_its_pods_in_a_shared_vpc_too(helm: Helm) -> None:
    """There, and beside GKE's own network policies, a ClusterIP has no endpoint groups unless it asks for them."""

    def asks(ingress: Values) -> bool:
        manifests = helm.template(EVERYTHING, {"alertWebhook": {"ingress": ingress}})
        annotations = named(manifests, "Service", "collector-alert-webhook")["metadata"].get("annotations", {})
        return bool(json.loads(annotations.get("cloud.google.com/neg", "{}")).get("ingress"))

    assert asks({})
    assert not asks({"className": "nginx"})
    assert not asks({"enabled": False})


def test_a_service_goes_on_answering_while_the_nodes_hear_that_it_leaves(manifests: list[Manifest]) -> None:
    for name in ("meetup-enricher", "meetup-alert-webhook"):
        spec = named(manifests, "Deployment", name)["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert 0 < container["lifecycle"]["preStop"]["sleep"]["seconds"] < spec["terminationGracePeriodSeconds"] - 30


def test_an_upgrade_never_runs_two_operators_of_different_settings(manifests: list[Manifest]) -> None:
    """Each would undo what the other does to the feeds, and restart their pods with every turn."""
    assert named(manifests, "Deployment", "meetup-feed-operator")["spec"]["strategy"] == {"type": "Recreate"}


def test_labels_of_a_person_never_replace_those_that_pods_are_found_by(helm: Helm) -> None:
    for manifest in of_kind(helm.template(EVERYTHING), "Deployment"):
        labels = manifest["spec"]["template"]["metadata"]["labels"]
        assert labels["team"] == "data"
        assert labels["cost"] == "meetup"
        assert labels["app.kubernetes.io/name"].startswith("meetup-")


def test_the_operators_policy_and_the_streams_policy_mean_the_same_operator(manifests: list[Manifest]) -> None:
    """The operator lets itself into the streams' pods by this label."""
    labels = named(manifests, "Deployment", "meetup-feed-operator")["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "feed-operator"


@pytest.mark.parametrize(
    ("prometheus", "kind", "rules"),
    [("operator", "PodMonitor", "PrometheusRule"), ("managed", "PodMonitoring", "Rules")],
)
def test_prometheus_finds_every_component_and_every_rule_file(
    newest_helm: Helm, prometheus: str, kind: str, rules: str
) -> None:
    manifests = newest_helm.template({"monitoring": {"prometheus": prometheus, "rules": {"enabled": True}}})
    assert {m["metadata"]["name"] for m in of_kind(manifests, kind)} == {f"meetup-{name}" for name in _WITH_PODS}
    files = sorted((CHART / "rules").glob("*.yaml"))
    assert [m["metadata"]["name"] for m in of_kind(manifests, rules)] == [f"meetup-{file.stem}" for file in files]


def test_grafanas_sidecar_finds_every_dashboard(newest_helm: Helm) -> None:
    manifests = newest_helm.template({"monitoring": {"dashboards": {"enabled": True}}})
    shipped = [m for m in of_kind(manifests, "ConfigMap") if m["metadata"]["labels"].get("grafana_dashboard") == "1"]
    files = sorted((CHART / "dashboards").glob("*.json"))
    assert [list(m["data"]) for m in shipped] == [[file.name] for file in files]
    for manifest, file in zip(shipped, files, strict=True):
        assert manifest["data"][file.name] == file.read_text()


@pytest.mark.parametrize(
    "address",
    ["https://git.example.com/x/runbooks.md", "http://wiki/p?id=1&x=$1$2", "https://wiki/it's/'x'", "https://x/%20y"],
)
def test_alerts_and_dashboards_lead_to_where_the_runbooks_are(helm: Helm, address: str) -> None:
    values: Values = {
        "monitoring": {
            "prometheus": "operator",
            "runbookBaseUrl": address,
            "rules": {"enabled": True},
            "dashboards": {"enabled": True},
        }
    }
    manifests = helm.template(values)
    alerts = [
        rule for m in of_kind(manifests, "PrometheusRule") for group in m["spec"]["groups"] for rule in group["rules"]
    ]
    links = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in alerts if "alert" in rule}
    assert links == {name: f"{address}#{name.lower()}" for name in links}
    for manifest in of_kind(manifests, "ConfigMap"):
        (dashboard,) = (json.loads(text) for name, text in manifest["data"].items() if name.endswith(".json"))
        (variable,) = (each for each in dashboard["templating"]["list"] if each["name"] == "runbooks")
        assert variable["query"] == address


def test_without_an_address_the_rules_are_installed_as_they_are(newest_helm: Helm) -> None:
    manifests = newest_helm.template({"monitoring": {"prometheus": "operator", "rules": {"enabled": True}}})
    shipped = [yaml.safe_load(file.read_text()) for file in sorted((CHART / "rules").glob("*.yaml"))]
    assert [m["spec"] for m in of_kind(manifests, "PrometheusRule")] == shipped


def test_monitoring_is_off_unless_asked_for(manifests: list[Manifest]) -> None:
    assert not {m["kind"] for m in manifests} & {"PodMonitor", "PodMonitoring", "PrometheusRule", "Rules"}


def test_helm_test_asks_every_service_whether_it_is_ready(manifests: list[Manifest]) -> None:
    tests = [m for m in of_kind(manifests, "Pod") if m["metadata"]["annotations"]["helm.sh/hook"] == "test"]
    asked = {test["spec"]["containers"][0]["command"][-1] for test in tests}
    assert asked == {f"http://meetup-{name}:8080/readyz" for name in _WITH_PODS}
    services = {service["metadata"]["name"] for service in of_kind(manifests, "Service")}
    assert services == {f"meetup-{name}" for name in _WITH_PODS}


def test_the_notes_give_check_diagnosis_crd_upgrade_and_iam_bindings(helm: Helm, tmp_path: Path) -> None:
    notes = helm.notes(tmp_path)
    assert f"kubectl --namespace {NAMESPACE} get meetupfeeds" in notes
    assert f"helm test {RELEASE}" in notes
    assert "describe meetupfeed" in notes
    pool = "projects/123456789012/locations/global/workloadIdentityPools/meetup-project.svc.id.goog"
    for account in ("stream", "enricher", "alert-webhook"):
        assert f"principal://iam.googleapis.com/{pool}/subject/ns/{NAMESPACE}/sa/meetup-{account}" in notes
    assert f"http://meetup-alert-webhook.{NAMESPACE}.svc:8080/v1/alertmanager" in notes
    assert not re.search(r"<no value>|%!", notes)


@pytest.mark.parametrize("number", ["", "123456789012"])
def test_the_notes_commands_run_as_they_are_printed(helm: Helm, tmp_path: Path, number: str) -> None:
    """A shell that knows no project number asks for it, and every command gets it."""
    everything: Values = merged(_INSIGHT, {"insight": {"warehouse": "bigquery://tables-project/meetup"}})
    notes = helm.notes(tmp_path, everything, {"google": {"projectNumber": number}})
    commands = "\n".join(re.findall(r"^  (?:PROJECT_NUMBER=.*|gcloud .*\\\n .*)$", notes, re.MULTILINE))
    gcloud = 'gcloud() { if test "$1 $2" = "projects describe"; then echo 123456789012; else echo "$@"; fi; }\n'
    done = subprocess.run(["bash", "-uc", gcloud + commands], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 7
    assert all("projects/123456789012/locations" in line for line in lines)


def test_the_notes_bind_the_streams_to_every_bucket_they_write_to(helm: Helm, tmp_path: Path) -> None:
    feeds = {
        "rsvps": {"bucket": "busy/2026"},
        "photos": {"bucket": "busy"},
        "event_comments": {"bucket": "meetup-records"},
    }
    own: Values = {"feeds": {**feeds, "open_venues": {"bucket": "unused", "enabled": False}}}
    bound = re.findall(r"add-iam-policy-binding gs://(\S+) .*\n\s+--member (\S+)", helm.notes(tmp_path, own))
    assert [bucket for bucket, _ in bound] == ["meetup-records", "busy"]
    assert all(member.endswith(f"/subject/ns/{NAMESPACE}/sa/meetup-stream") for _, member in bound)


def test_the_notes_bind_a_namespace_whose_feeds_have_a_service_account_each(helm: Helm, tmp_path: Path) -> None:
    notes = helm.notes(tmp_path, {"operator": {"allNamespaces": True}})
    (member,) = re.findall(r"add-iam-policy-binding gs://meetup-records .*\n\s+--member (\S+)", notes)
    assert member.startswith("principalSet://iam.googleapis.com/projects/123456789012/")
    assert member.endswith(f".svc.id.goog/namespace/{NAMESPACE}")


def test_the_notes_say_nothing_of_what_is_not_installed(helm: Helm, tmp_path: Path) -> None:
    off = {"enabled": False}
    notes = helm.notes(tmp_path, {"alertWebhook": off, "enricher": off, "operator": off})
    assert "alert-webhook" not in notes
    assert "enricher" not in notes
    assert "feed-operator" not in notes

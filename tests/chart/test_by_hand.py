"""What is applied by hand, and skaffold.yaml, agree with the chart, the images and Kubernetes."""

import json
import re
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml
from meetupkit.feeds import FEEDS

from .helm import CHART, NAMESPACE, RELEASE, Helm, Manifest, UniqueKeys, merged, of_kind, pods
from .pod_security import violations
from .tools import REPOSITORY
from .variants import VARIANTS

K8S: Final = REPOSITORY / "k8s"
DEV: Final = sorted((K8S / "dev").glob("*.yaml"))
_SERVICES: Final = {"stream", "enricher", "alert-webhook", "feed-operator", "gateway", "insight"}


def documents(path: Path) -> list[Manifest]:
    return [document for document in yaml.load_all(path.read_text(), UniqueKeys) if document]


def values(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((K8S / name).read_text())
    return loaded


@pytest.fixture(scope="module")
def skaffold() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / "skaffold.yaml").read_text())
    return loaded


@pytest.mark.parametrize("version", ["1.33", "1.34", "1.35", "1.36", "1.37"])
@pytest.mark.parametrize("path", [K8S / "namespace.yaml", *DEV], ids=lambda value: getattr(value, "name", value))
def test_every_manifest_is_valid(path: Path, version: str) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, version, strict=True)


def test_every_stand_in_passes_the_restricted_standard_that_its_namespace_asks_for() -> None:
    (namespace,) = documents(K8S / "namespace.yaml")
    assert namespace["metadata"]["name"] == NAMESPACE
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    found = {name: list(violations(pod["spec"])) for path in DEV for name, pod in pods(documents(path))}
    assert len(found) == 4
    assert not any(found.values()), found


@pytest.mark.parametrize("path", DEV, ids=lambda path: path.name)
def test_every_stand_ins_service_finds_its_pod_and_its_port(path: Path) -> None:
    manifests = documents(path)
    for service in of_kind(manifests, "Service"):
        (deployment,) = of_kind(manifests, "Deployment")
        template = deployment["spec"]["template"]
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        ports = {p["name"]: p["containerPort"] for c in template["spec"]["containers"] for p in c["ports"]}
        assert {p["targetPort"]: p["port"] for p in service["spec"]["ports"]} == ports


@pytest.mark.parametrize("name", ["dev-values.yaml", "gke-values.yaml"])
def test_the_chart_takes_the_values(helm: Helm, name: str) -> None:
    text = helm.run("template", RELEASE, str(CHART), "--namespace", NAMESPACE, values=values(name))
    feeds = of_kind([manifest for manifest in yaml.load_all(text, UniqueKeys) if manifest], "MeetupFeed")
    assert {feed["spec"]["feed"] for feed in feeds} == set(FEEDS)


def test_the_development_values_lead_to_stand_ins_that_exist_and_may_be_reached() -> None:
    dev = values("dev-values.yaml")
    ports = {
        (service["metadata"]["name"], port["port"])
        for path in DEV
        for service in of_kind(documents(path), "Service")
        for port in service["spec"]["ports"]
    }
    text = (K8S / "dev-values.yaml").read_text() + (K8S / "dev" / "secrets.yaml").read_text()
    named = {(host, int(port)) for host, port in re.findall(r"\b([a-z-]+):([0-9]{4})\b", text)}
    assert named == ports
    assert set(dev["networkPolicy"]["extraPorts"]) == {port for _, port in ports}


def test_the_development_secrets_are_those_that_the_values_name() -> None:
    dev = values("dev-values.yaml")
    secrets = {
        secret["metadata"]["name"]: set(secret["stringData"]) for secret in documents(K8S / "dev" / "secrets.yaml")
    }
    assert secrets == {
        dev["enricher"]["apiKey"]["existingSecret"]: {"api-key"},
        dev["alertWebhook"]["slack"]["existingSecret"]: {"slack-url"},
        dev["alertWebhook"]["alertmanager"]["existingSecret"]: {"token"},
        dev["insight"]["hashKey"]["existingSecret"]: {"hash-key"},
    }


def test_skaffold_builds_every_service_from_the_one_recipe(skaffold: dict[str, Any]) -> None:
    (dev,) = (profile for profile in skaffold["profiles"] if profile["name"] == "dev")
    artifacts = [*skaffold["build"]["artifacts"], dev["patches"][0]["value"]]
    for artifact in artifacts:
        service = artifact["docker"]["buildArgs"]["SERVICE"]
        assert artifact["image"] == f"meetup-analysis/{service}"
        assert (REPOSITORY / "services" / service / "pyproject.toml").is_file()
        assert (REPOSITORY / artifact["docker"]["dockerfile"]).is_file()
    assert {a["docker"]["buildArgs"]["SERVICE"] for a in artifacts} == {*_SERVICES, "simulator"}


def test_skaffold_hands_every_image_over_to_the_chart(
    skaffold: dict[str, Any], newest_helm: Helm, tmp_path: Path
) -> None:
    (release,) = skaffold["deploy"]["helm"]["releases"]
    handed = release["setValueTemplates"]
    assert set(handed) == {f"image.references.{service}" for service in _SERVICES}
    for name, template in handed.items():
        image = f"meetup-analysis/{name.rpartition('.')[2]}"
        assert template == "{{.IMAGE_FULLY_QUALIFIED_" + re.sub(r"\W|-", "_", image) + "}}"
    sets = [part for name in handed for part in ("--set", f"{name}=there.example/{name.rpartition('.')[2]}:x")]
    gateway = tmp_path / "gateway.yaml"  # off on a laptop, where the simulator speaks the old protocol
    gateway.write_text(yaml.safe_dump({"gateway": VARIANTS["todays-meetup"]["gateway"]}))
    given = [*(REPOSITORY / file for file in release["valuesFiles"]), gateway]
    files = [part for file in given for part in ("--values", str(file))]
    text = newest_helm.run("template", RELEASE, str(REPOSITORY / release["chartPath"]), *files, *sets)
    assert set(re.findall(r"there\.example/([\w-]+):x", text)) == _SERVICES


def test_skaffold_does_not_wait_for_the_chart_before_it_brings_what_the_chart_needs(skaffold: dict[str, Any]) -> None:
    """Of two deployers of one configuration Helm goes first, and a status check follows each unless there is none."""
    (dev,) = (profile for profile in skaffold["profiles"] if profile["name"] == "dev")
    patched = {patch["path"]: patch["value"] for patch in dev["patches"]}
    assert patched["/deploy/kubectl"] == {}
    assert patched["/deploy/statusCheck"] is False


def test_every_file_and_service_that_skaffold_names_exists(skaffold: dict[str, Any], helm: Helm) -> None:
    text = (REPOSITORY / "skaffold.yaml").read_text()
    for path in re.findall(r"\bk8s/[\w./-]+\.yaml", text):
        assert (REPOSITORY / path).is_file(), path
    rendered = helm.run("template", RELEASE, str(CHART), values=values("dev-values.yaml"))
    manifests = [m for m in yaml.safe_load_all(rendered) if m] + [m for path in DEV for m in documents(path)]
    services = {(s["metadata"]["name"], p["port"]) for s in of_kind(manifests, "Service") for p in s["spec"]["ports"]}
    (dev,) = (profile for profile in skaffold["profiles"] if profile["name"] == "dev")
    forwards = dev["portForward"]
    assert {(forward["resourceName"], forward["port"]) for forward in forwards} <= services
    locals_ = [forward["localPort"] for forward in forwards]
    assert len(locals_) == len(set(locals_))
    assert set(dev["manifests"]["rawYaml"]) == {
        "k8s/namespace.yaml",
        *(str(path.relative_to(REPOSITORY)) for path in DEV),
    }


def test_google_knows_the_bucket_and_the_identities_that_the_chart_uses(helm: Helm, tmp_path: Path) -> None:
    resources = documents(K8S / "gcp" / "meetup.yaml")
    gke = values("gke-values.yaml")
    (bucket,) = of_kind(resources, "StorageBucket")
    assert bucket["metadata"]["name"] == gke["bucket"]
    notes = helm.notes(tmp_path, gke)
    members = {(m["spec"]["role"], m["spec"]["member"]) for m in of_kind(resources, "IAMPolicyMember")}
    assert members == bindings(notes)


def bindings(notes: str) -> set[tuple[str, str]]:
    """Roles and members that the commands of the notes bring together."""
    return set(re.findall(r"--role (\S+)[^\n]*\\\n\s+--member (\S+)", notes))


def test_google_knows_the_dataset_and_who_may_fill_it_where_insight_uses_bigquery(helm: Helm, tmp_path: Path) -> None:
    resources = documents(K8S / "gcp" / "insight-bigquery.yaml")
    (dataset,) = of_kind(resources, "BigQueryDataset")
    place = f"{dataset['spec']['projectRef']['external']}/{dataset['spec']['resourceID']}"
    gke = values("gke-values.yaml")
    (there := tmp_path / "with").mkdir()
    (without := tmp_path / "without").mkdir()
    notes = helm.notes(there, merged(gke, {"insight": {"warehouse": f"bigquery://{place}"}}))
    members = of_kind(resources, "IAMPolicyMember")
    assert {(m["spec"]["role"], m["spec"]["member"]) for m in members} == bindings(notes) - bindings(
        helm.notes(without, gke)
    )
    (condition,) = (member["spec"]["condition"] for member in members if "condition" in member["spec"])
    assert f"'title={condition['title']},expression={condition['expression']}'" in notes


def test_records_of_every_feed_move_to_the_cheaper_class_and_none_is_deleted() -> None:
    (bucket,) = of_kind(documents(K8S / "gcp" / "meetup.yaml"), "StorageBucket")
    moving = [rule for rule in bucket["spec"]["lifecycleRule"] if rule["action"]["type"] == "SetStorageClass"]
    assert [sorted(rule["condition"]["matchesPrefix"]) for rule in moving] == [sorted(f"{name}/" for name in FEEDS)]
    assert not [r for r in bucket["spec"]["lifecycleRule"] if r["action"]["type"] == "Delete"]


def test_config_connector_makes_the_indexes_that_the_enricher_names() -> None:
    wanted = json.loads((K8S / "gcp" / "firestore.indexes.json").read_text())["indexes"]
    made = [index["spec"] for index in of_kind(documents(K8S / "gcp" / "meetup.yaml"), "FirestoreIndex")]
    named = [{("collectionGroup" if key == "collection" else key): value for key, value in m.items()} for m in made]
    assert named == wanted

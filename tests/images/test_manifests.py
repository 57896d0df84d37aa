"""The manifests that the chart, the operator and k8s/dev/ make are run as they are, and records arrive.

``podman kube play`` stands in for the kubelet: containers, environment, Secrets, security context, read-only roots. It
has no Services, so pods are told each other's addresses by the chart's own values; it has no preStop sleep; its probes
need curl in the image, so the probes' pages are asked from here; and it publishes each containerPort on the machine,
so each pod gets a loopback address of its own to be published at. The emulators are processes of this machine, led to
the bridge.
"""

import base64
import fcntl
import json
import random
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import yaml
from meetup_feed_operator.resources.manifests import desired
from meetup_feed_operator.resources.meetupfeed import read_feed
from meetup_feed_operator.settings import OperatorSettings
from meetup_testkit.emulators.cloud_storage import CloudStorageEmulator
from meetup_testkit.emulators.firestore import FirestoreEmulator
from meetupkit.stores import open_objects

from ..chart.helm import Helm, Values, environment, merged, named, of_kind
from ..chart.tools import KUBECTL_37, REPOSITORY, program
from .bridge import on_bridge
from .podman import Manifest, Pod, eventually, played

pytestmark = [pytest.mark.images, pytest.mark.timeout(3600)]

_DEV: Final = REPOSITORY / "k8s" / "dev"
_PROJECT: Final = "meetup-manifests"
_FEED: Final = "rsvps"
_TOKEN: Final = "development-token"
_HOST_PORTS: Final = 20_000
"""Added to a container's port: above what servers have by custom, below what the kernel gives out."""


@dataclass
class Release:
    """What runs, and where its results are."""

    pods: dict[str, Pod]
    bucket: str
    documents: str
    """Where the emulator's REST API shows them."""


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(program(KUBECTL_37, "helm"), tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def release(
    images: dict[str, str],
    helm: Helm,
    cloud_storage_emulator: CloudStorageEmulator,
    firestore_emulator: FirestoreEmulator,
) -> Iterator[Release]:
    """Simulator and Slack of k8s/dev/, then enricher, alert webhook and one stream of the chart."""
    bucket = cloud_storage_emulator.create_bucket()
    with ExitStack() as running:
        lock = running.enter_context((Path(tempfile.gettempdir()) / "meetup-analysis-pods.lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)  # pods have the names of the manifests, and a machine may test two checkouts
        pods: dict[str, Pod] = {}

        def play(name: str, *manifests: Manifest) -> Pod:
            pods[name] = running.enter_context(played(*(_with_our_images(m, images) for m in manifests)))
            return pods[name]

        simulator = play("simulator", _stand_in("simulator"))
        slack = play("slack", _stand_in("slack"))
        simulator.wait_for(8700, "/2/rsvps?since_count=1&callback=f")
        slack.wait_for(8084, "/messages?channel=%23meetup-alerts")

        storage_host = running.enter_context(on_bridge(cloud_storage_emulator.process.port))
        firestore_host = running.enter_context(on_bridge(firestore_emulator.process.port))
        values = _values(bucket, simulator.address, storage_host, firestore_host)
        enricher = play("enricher", _secret("meetup-api"), _deployment(helm, values, "enricher"))
        play(
            "alert-webhook",
            _secret("meetup-slack", slack_url=f"http://{slack.address}:8084/services/T0/B0/stand-in"),
            _secret("meetup-alertmanager"),
            _deployment(helm, values, "alert-webhook"),
        )
        enricher.wait_for(8080, "/readyz")
        told = merged(values, {"streams": {"enricherUrl": f"http://{enricher.address}:8080"}})
        play("stream", _stream(helm, told))
        documents = f"http://{firestore_emulator.host}/v1/projects/{_PROJECT}/databases/(default)/documents"
        yield Release(pods, bucket, documents)


def test_every_service_of_the_release_becomes_ready(release: Release) -> None:
    for name in ("enricher", "alert-webhook", "stream"):
        release.pods[name].wait_for(8080, "/livez")
        release.pods[name].wait_for(8080, "/readyz")


def test_records_arrive_in_cloud_storage_as_they_were_sent(
    release: Release, cloud_storage_emulator: CloudStorageEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", cloud_storage_emulator.host)
    store = open_objects(f"gs://{release.bucket}")
    pod = release.pods["stream"]
    names = eventually(lambda: [n for n in store.names(f"{_FEED}/") if "/_" not in n][:5], "objects", pod.logs)
    for name in names:
        stored = store.read(name)
        assert stored is not None
        record = json.loads(stored.body)
        assert name == f"{_FEED}/{record['rsvp_id']}_{record['mtime']}.json"


def test_the_members_and_groups_of_the_records_arrive_in_firestore(release: Release) -> None:
    for collection in ("members", "groups"):

        def profiles(collection: str = collection) -> list[dict[str, Any]]:
            url = f"{release.documents}/{collection}"
            answer = requests.get(url, params={"pageSize": 3}, headers={"Authorization": "Bearer owner"}, timeout=30)
            found: list[dict[str, Any]] = answer.json().get("documents", [])
            return found

        for profile in eventually(profiles, collection, release.pods["enricher"].logs):
            assert re.search(rf"/{collection}/m[0-9]+$", profile["name"])


def test_an_alert_arrives_in_slack(release: Release) -> None:
    webhook, slack = release.pods["alert-webhook"], release.pods["slack"]
    webhook.wait_for(8080, "/readyz")
    answer = requests.post(
        f"http://{webhook.address}:8080/v1/alertmanager",
        headers={"Authorization": f"Bearer {_TOKEN}"},
        json=_alert("MeetupFeedDown"),
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    eventually(
        lambda: "MeetupFeedDown" in slack.get(8084, "/messages?channel=%23meetup-alerts").text,
        "a message",
        webhook.logs,
    )


def test_every_container_runs_as_the_manifest_locks_it_down(release: Release) -> None:
    for name, pod in release.pods.items():
        for container in pod.containers():
            assert container["HostConfig"]["ReadonlyRootfs"] is True, name
            assert container["EffectiveCaps"] in (None, []), name
            assert container["Config"]["User"].split(":")[0] == "65532", name


def test_no_secret_is_in_the_environment_of_a_container(release: Release) -> None:
    for name in ("enricher", "alert-webhook", "stream"):
        for container in release.pods[name].containers():
            written = json.dumps(container["Config"]["Env"])
            assert "development-key" not in written
            assert _TOKEN not in written
            assert "/services/T0" not in written


def test_every_service_of_the_release_ends_on_sigterm_with_0(release: Release) -> None:
    """The last of this file: after it, nothing runs."""
    for name in ("stream", "enricher", "alert-webhook", "slack", "simulator"):
        assert release.pods[name].terminate() == [0], release.pods[name].logs()


def _values(bucket: str, simulator: str, storage_host: str, firestore_host: str) -> Values:
    """k8s/dev-values.yaml with addresses in place of the names of Services, which podman has none of."""
    dev: Values = yaml.safe_load((REPOSITORY / "k8s" / "dev-values.yaml").read_text())
    return merged(
        dev,
        {
            "bucket": bucket,
            "google": {"project": _PROJECT},
            "feeds": {_FEED: {"url": f"http://{simulator}:8700/2/{_FEED}"}},
            "streams": {"extraEnv": {"STORAGE_EMULATOR_HOST": f"http://{storage_host}"}},
            "enricher": {
                "apiUrl": f"http://{simulator}:8700",
                "extraEnv": {"FIRESTORE_EMULATOR_HOST": firestore_host},
            },
            "alertWebhook": {"extraEnv": {"FIRESTORE_EMULATOR_HOST": firestore_host}},
        },
    )


def _deployment(helm: Helm, values: Values, component: str) -> Manifest:
    return named(helm.template(values), "Deployment", f"meetup-{component}")


def _stream(helm: Helm, values: Values) -> Manifest:
    """What the operator, with the environment the chart gives it, makes of the MeetupFeed that the chart makes."""
    manifests = helm.template(values)
    (container,) = named(manifests, "Deployment", "meetup-feed-operator")["spec"]["template"]["spec"]["containers"]
    settings = OperatorSettings.from_environ(environment(container))
    (feed,) = (f for f in of_kind(manifests, "MeetupFeed") if f["spec"]["feed"] == _FEED)
    body = merged(feed, {"metadata": {"uid": "0", "generation": 1}})
    (deployment,) = (m for m in desired(read_feed(body), settings) if m["kind"] == "Deployment")
    return deployment


def _stand_in(name: str) -> Manifest:
    documents = yaml.safe_load_all((_DEV / f"{name}.yaml").read_text())
    (deployment,) = (document for document in documents if document["kind"] == "Deployment")
    return dict(deployment)


def _secret(name: str, **entries: str) -> Manifest:
    """One of k8s/dev/secrets.yaml, with other entries where podman needs an address; podman reads only base64."""
    documents = yaml.safe_load_all((_DEV / "secrets.yaml").read_text())
    (secret,) = (document for document in documents if document["metadata"]["name"] == name)
    told = {key.replace("_", "-"): value for key, value in entries.items()}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in {**secret["stringData"], **told}.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": data}


def _with_our_images(manifest: Manifest, images: dict[str, str]) -> Manifest:
    """``meetup-analysis/SERVICE[:tag]`` as this session built it, and host ports; nothing else is changed."""
    changed: dict[str, Any] = json.loads(json.dumps(manifest))
    address = ".".join(("127", *(str(random.randint(1, 254)) for _ in range(3))))
    for container in changed.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        for port in container.get("ports", []):
            port |= {"hostIP": address, "hostPort": _HOST_PORTS + port["containerPort"]}
        container["image"] = images[container["image"].removeprefix("meetup-analysis/").partition(":")[0]]
    return changed


def _alert(name: str) -> dict[str, Any]:
    """What Alertmanager sends for one alert that fires."""
    alert = {
        "status": "firing",
        "labels": {"alertname": name, "severity": "critical", "feed": _FEED},
        "annotations": {"summary": "The feed rsvps is down"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "0123456789abcdef",
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "meetup",
        "groupLabels": {"alertname": name},
        "commonLabels": alert["labels"],
        "commonAnnotations": alert["annotations"],
        "externalURL": "http://alertmanager",
        "alerts": [alert],
    }

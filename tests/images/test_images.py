"""Each image holds its service and no more, and runs locked down."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import google_crc32c
import pytest
from meetup_simulator.http.listening import ReservedPort
from meetup_simulator.made_up.generators import generated
from meetup_simulator.made_up.world import World
from meetup_testkit.emulators.firestore import FirestoreEmulator
from meetup_testkit.graphql_plugin import StartLivingMeetup
from meetup_testkit.service_process import until
from meetupkit.feeds import FEEDS
from meetupkit.records import Record, read_line
from meetupkit.stores import open_objects
from meetupkit.stores.objects.protocol import Created, NewObject

from ..operator.cluster import a_test_cluster, a_test_server
from .conftest import SERVICES
from .podman import Container, in_image, inspect, megabytes_above_base, podman, running

pytestmark = [pytest.mark.images, pytest.mark.timeout(3600)]

_STREAM_MEGABYTES: Final = 75
"""With google-cloud-logging, which brings gRPC (20 MB). A stream runs once per feed, on nodes that may be new."""
_BUILD_TOOLS: Final = ("gcc", "cc", "make", "uv", "git", "rustc")
_ONLY_IN: Final = {
    "grpc": {
        "stream",
        "enricher",
        "alert-webhook",
        "feed-operator",
        "gateway",
        "insight",
    },  # google-cloud-logging and Firestore
    "fastapi": {"enricher", "alert-webhook"},
    "kopf": {"feed-operator"},
    "jwt": {"gateway", "simulator"},  # tokens are signed, and the stand-in checks them
    "duckdb": {"insight"},
    "graphql": {"simulator"},  # queries are checked before they are shipped
}
_WITH_SETTINGS: Final = ("stream", "enricher", "alert-webhook", "feed-operator", "gateway", "insight")
_ARGUMENTS: Final = {"insight": ("serve",)}
"""Of services with several commands, as the chart gives them."""
_INSIGHT_MEGABYTES: Final = 750
"""Arrow, DuckDB, scipy, pandas (Bokeh's) and BigQuery's client; measured 620 without the last."""


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that refuses connections for as long as the test runs."""
    port = ReservedPort("127.0.0.1", 0)
    yield f"http://{port.host}:{port.port}"
    port.close()


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_says_what_it_is_and_starts_its_service_directly_as_nobody(
    images: dict[str, str], service: str
) -> None:
    config = inspect(images[service])["Config"]
    assert config["User"] == "65532:65532", "a number, so that the kubelet sees that it is not root"
    assert config["Entrypoint"] == ["/opt/service/bin/service"], "no shell between SIGTERM and the service"
    assert config["StopSignal"] in {"SIGTERM", "15"}
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == f"meetup-analysis {service}"
    for name in ("description", "version", "revision", "created", "source"):
        assert f"org.opencontainers.image.{name}" in labels


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_no_build_tool_cache_or_test_and_nothing_that_its_user_may_change(
    images: dict[str, str], service: str
) -> None:
    tools = in_image(images[service], "sh", "-c", f"command -v {' '.join(_BUILD_TOOLS)}; true")
    assert tools == ""
    assert in_image(images[service], "sh", "-c", "ls -A /root/.cache /tmp /source 2>/dev/null; true") in {"", "/tmp:"}
    own = in_image(
        images[service], "find", "/opt/service", "(", "-user", "65532", "-o", "-perm", "-o+w", ")", "!", "-type", "l"
    )
    assert own == ""
    found = in_image(images[service], "find", "/opt/service", "-path", "*/meetup*", "-name", "test_*.py")
    assert found == ""


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_only_what_its_service_needs(images: dict[str, str], service: str) -> None:
    probe = "import importlib.util as i, json, sys; print(json.dumps([m for m in sys.argv[1:] if i.find_spec(m)]))"
    has = json.loads(in_image(images[service], "python", "-c", probe, *_ONLY_IN, "pip"))
    wanted = {module for module, services in _ONLY_IN.items() if service in services}
    assert set(has) - {"pip"} == wanted  # the official base image brings pip


@pytest.mark.parametrize("service", SERVICES)
def test_the_packages_in_an_image_are_those_of_the_lock(images: dict[str, str], service: str) -> None:
    listing = in_image(images[service], "find", "/opt/service/lib", "-maxdepth", "3", "-name", "*.dist-info")
    installed = dict(re.findall(r"/([A-Za-z0-9_.]+)-([^/-]+)\.dist-info", listing))
    lock = (Path(__file__).parents[2] / "uv.lock").read_text()
    locked = set(re.findall(r'^name = "(.+)"\nversion = "(.+)"', lock, re.MULTILINE))
    assert len(installed) > 10
    for name, version in installed.items():
        assert (re.sub(r"[-_.]+", "-", name).lower(), version) in locked


def test_insights_image_has_not_grown_unseen(images: dict[str, str]) -> None:
    assert megabytes_above_base(images["insight"]) < _INSIGHT_MEGABYTES


def test_a_streams_image_is_small(images: dict[str, str]) -> None:
    sizes = {service: round(megabytes_above_base(image)) for service, image in images.items()}
    assert sizes["stream"] < _STREAM_MEGABYTES, sizes


@pytest.mark.parametrize("service", _WITH_SETTINGS)
def test_without_settings_a_service_says_in_a_sentence_each_what_is_missing(
    images: dict[str, str], service: str
) -> None:
    with running(images[service], {}, *_ARGUMENTS.get(service, ())) as container:
        assert podman("wait", container.identifier) == "2"
        assert "required, but not set" in container.logs()
        assert "Traceback" not in container.logs()


def test_a_stream_runs_locked_down_answers_its_probes_and_ends_in_time(
    images: dict[str, str], nobody: str, tmp_path: Path
) -> None:
    _open_to_all(tmp_path)  # the store is a folder here
    environ = {
        "STREAM_FEED": "rsvps",
        "STREAM_URL": f"{nobody}/2/rsvps",
        "STREAM_OBJECTS": "file:///objects",
        "STREAM_PORT": "0",
    }
    with running(images["stream"], environ, mounts=[f"{tmp_path}:/objects"]) as container:
        _is_locked_down(container)
        container.wait_for("/livez")
        container.wait_for("/readyz", 503)  # nobody is upstream, and it says so
        assert container.terminate() == 0


def test_an_enricher_runs_locked_down_answers_its_probes_and_ends_in_time(
    images: dict[str, str], nobody: str, firestore_emulator: FirestoreEmulator
) -> None:
    environ = {
        "ENRICHER_API_URL": nobody,
        "ENRICHER_API_KEY": "development-key",
        "ENRICHER_DOCUMENTS": "firestore://enricher-image",
        "ENRICHER_PORT": "0",
        "FIRESTORE_EMULATOR_HOST": firestore_emulator.host,
    }
    with running(images["enricher"], environ) as container:
        _runs_and_ends(container)


def test_an_alert_webhook_runs_locked_down_answers_its_probes_and_ends_in_time(
    images: dict[str, str], nobody: str, firestore_emulator: FirestoreEmulator
) -> None:
    environ = {
        "ALERT_WEBHOOK_SLACK_URL": f"{nobody}/services/T0/B0/stand-in",
        "ALERT_WEBHOOK_TOKEN": "development-token",
        "ALERT_WEBHOOK_STATE": "firestore://webhook-image",
        "ALERT_WEBHOOK_PORT": "0",
        "FIRESTORE_EMULATOR_HOST": firestore_emulator.host,
    }
    with running(images["alert-webhook"], environ) as container:
        _runs_and_ends(container)


def test_an_operator_runs_locked_down_answers_its_probes_and_ends_in_time(
    images: dict[str, str], tmp_path: Path
) -> None:
    with (
        a_test_server() as server,
        a_test_cluster(server) as cluster,
        _readable(tmp_path, cluster.kubeconfig()) as file,
    ):
        environ = {
            "FEED_OPERATOR_PORT": "0",
            "FEED_OPERATOR_NAMESPACE": cluster.namespace,
            "FEED_OPERATOR_IMAGE": "registry.example/stream:1",
            "KUBECONFIG": "/etc/kubeconfig",
        }
        with running(images["feed-operator"], environ, mounts=[f"{file}:/etc/kubeconfig:ro"]) as container:
            _runs_and_ends(container)


def test_a_gateway_runs_locked_down_on_its_volume_answers_its_probes_and_ends_in_time(
    images: dict[str, str], living_meetup: StartLivingMeetup, tmp_path: Path
) -> None:
    meetup = living_meetup("--speed", "0")
    volume = tmp_path / "volume"
    volume.mkdir()
    _open_to_all(volume)
    (follow := tmp_path / "follow.yaml").write_text("networks: [simulated-network]\n")
    for file in (follow, meetup.key_file):
        file.chmod(0o644)
    environ = {
        "GATEWAY_FOLLOW": "/etc/follow.yaml",
        "GATEWAY_STORE": "/data/gateway.db",
        "GATEWAY_KEY": "development-key",
        "GATEWAY_CONTACT": "mailto:test@example.org",
        **meetup.client(),
        "GATEWAY_SIGNING_KEY_FILE": "/etc/meetup-key.pem",
        "GATEWAY_PORT": "0",
    }
    mounts = [f"{volume}:/data", f"{follow}:/etc/follow.yaml:ro", f"{meetup.key_file}:/etc/meetup-key.pem:ro"]
    with running(images["gateway"], environ, mounts=mounts) as container:
        _is_locked_down(container)
        container.wait_for("/livez")
        container.wait_for("/readyz")
        until(lambda: bool(meetup.stats()["asked"].get("proNetwork")), "a first sweep by the queries in the image")
        assert container.terminate() == 0, container.logs()


def test_insight_runs_locked_down_on_its_volume_builds_and_shows_a_page(images: dict[str, str], tmp_path: Path) -> None:
    """Records and profiles in, figures on the page out; nothing but the volume is written to."""
    store, volume = tmp_path / "objects", tmp_path / "volume"
    for folder in (store, volume):
        folder.mkdir()
    objects = open_objects(store.as_uri())
    records = 0
    for _, line in zip(range(60), generated("rsvps", World(7), start=1_489_925_470_000, rate=1.0), strict=False):
        record = read_line(FEEDS["rsvps"], line)
        assert isinstance(record, Record)
        body = line.rstrip(b"\n")
        name = f"rsvps/{record.data_id}_{record.mtime}.json"
        records += isinstance(objects.create(NewObject(name, body, google_crc32c.value(body))), Created)
    for folder in (volume, store, *store.rglob("*")):
        _open_to_all(folder)
    environ = {
        "INSIGHT_OBJECTS": "file:///objects",
        "INSIGHT_WAREHOUSE": "duckdb:////data/insight.duckdb",
        "INSIGHT_PUBLISHED": "/data/published",
        "INSIGHT_FORGOTTEN": "/data/forgotten",
        "INSIGHT_HASH_KEY": "development-hash-key",
        "INSIGHT_PORT": "0",
    }
    mounts = [f"{store}:/objects:ro", f"{volume}:/data"]
    with running(images["insight"], environ, "serve", mounts=mounts) as container:
        _is_locked_down(container)
        container.wait_for("/livez")
        container.wait_for("/readyz")
        assert "meetup_insight_last_build_failed 0.0" in container.page("/metrics").text
        assert f"<td>rsvps</td><td>{records}</td>" in container.page("/").text
        assert container.page("/static/bokeh.min.js").status_code == 200
        assert container.terminate() == 0, container.logs()


def test_a_simulator_runs_locked_down_and_ends_in_time(images: dict[str, str], tmp_path: Path) -> None:
    """It alone needs a folder to write to, as k8s/dev/ gives it."""
    _open_to_all(tmp_path)
    flags = ("--port", "0", "--published-bytes", "0")
    with running(images["simulator"], {}, *flags, mounts=[f"{tmp_path}:/tmp"]) as container:
        _is_locked_down(container)
        container.wait_for("/stats")
        assert container.terminate() == 0


def _runs_and_ends(container: Container) -> None:
    _is_locked_down(container)
    container.wait_for("/livez")
    container.wait_for("/readyz")
    assert container.terminate() == 0, container.logs()


def _is_locked_down(container: Container) -> None:
    """What the kernel says of its first process."""
    status = podman("exec", container.identifier, "python", "-c", "print(open('/proc/1/status').read())")
    values = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(values["CapEff"], 16) == int(values["CapBnd"], 16) == 0
    assert values["NoNewPrivs"] == "1"
    assert set(values["Uid"].split()) == {"65532"}
    probe = "import os\ntry: open('/file', 'w')\nexcept OSError as error: print(os.strerror(error.errno))"
    assert podman("exec", container.identifier, "python", "-c", probe) == "Read-only file system"


def _open_to_all(folder: Path) -> None:
    """The container's user is nobody on this machine."""
    folder.chmod(0o777)


@contextmanager
def _readable(folder: Path, text: str) -> Iterator[Path]:
    """A file that the container's user can read."""
    file = folder / "kubeconfig"
    file.write_text(text)
    file.chmod(0o644)
    yield file

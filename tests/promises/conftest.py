"""Each service with what it needs to run; a pipeline with one upstream behind a proxy, and what such proxies need."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from meetup_testkit.emulators.pytest_plugin import Bucket, FirestoreProject
from meetup_testkit.graphql_plugin import StartLivingMeetup
from meetup_testkit.pipeline import Pipeline, Stores
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.slack_plugin import SlackStandIn

from tests.operator.cluster import Cluster, a_test_cluster, a_test_server

from .disturbed import FLAGS, NAME, Address, Site, StartSite, Upstream
from .grpc_faults import GrpcFaultProxy
from .signalled import LONGEST_SECONDS, Service

RunPipeline = Callable[[Stores, SimulatorProcess], Pipeline]
FAULTS_OF_A_BUSY_MACHINE = ["Connection refused", "in vain for records to flow again"]
"""What a test here may be run again for. Not for a record that is missing or there twice: a promise that is kept at the
second attempt is not kept."""


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.get_closest_marker("faults"):
        item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=FAULTS_OF_A_BUSY_MACHINE))


@pytest.fixture
def start_site(
    request: pytest.FixtureRequest, simulator: StartSimulator, run_pipeline: RunPipeline, local: Stores
) -> StartSite:
    def start(upstream: Upstream, before: Callable[[int], Address], *flags: str) -> Site:
        meetup = simulator(*FLAGS, *flags)
        stores = local
        port = meetup.port
        if upstream is Upstream.CLOUD_STORAGE:
            bucket: Bucket = request.getfixturevalue("cloud_storage")
            stores, port = Stores(bucket.url, local.documents), bucket.process.port
        elif upstream is Upstream.FIRESTORE:
            project: FirestoreProject = request.getfixturevalue("firestore")
            stores, port = Stores(local.objects, project.url), project.process.port
        site = Site(upstream, run_pipeline(stores, meetup), meetup)
        if upstream is Upstream.DIRECTORY:
            site.start_stream()
        elif upstream is Upstream.SQLITE:
            site.start_stream(enricher=site.start_enricher().wait_ready().url)
        elif upstream in (Upstream.FEED, Upstream.CLOUD_STORAGE):
            site.start_stream(before(port))
        elif upstream is Upstream.ENRICHER:
            site.start_stream(before(site.start_enricher().wait_ready().port))
        else:
            enricher = site.start_enricher(before(port)).wait_ready()
            site.start_stream(enricher=enricher.url)
        return site

    return start


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """A hosts file that can be mounted over /etc/hosts for one process."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    tried = ["unshare", "--mount", *user, "mount", "--bind", "/dev/null", "/etc/hosts"]
    if shutil.which("unshare") is None or subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("part absent: the right to mount in a namespace (run as root, or allow user namespaces)")
    path = tmp_path / "hosts"
    path.write_text(f"127.0.0.1 localhost {NAME}\n")
    return path


@pytest.fixture
def grpc_fault_proxy() -> Iterator[Callable[[int], GrpcFaultProxy]]:
    """A factory; every proxy it started is stopped at the end of the test."""
    with ExitStack() as running:
        yield lambda port: running.enter_context(GrpcFaultProxy(port))


@pytest.fixture
def alert_webhook(slack: SlackStandIn) -> Service:
    def environ(folder: Path) -> dict[str, str]:
        return {
            "ALERT_WEBHOOK_PORT": "0",
            "ALERT_WEBHOOK_SLACK_URL": slack.webhook_url,
            "ALERT_WEBHOOK_TOKEN": "a-bearer-token",
            "ALERT_WEBHOOK_STATE": f"sqlite:///{folder}/state.sqlite",
        }

    alert = {"status": "firing", "labels": {"alertname": "Quiet"}, "startsAt": "2026-11-24T04:03:00Z"}
    body = {"version": "4", "status": "firing", "alerts": [alert]}
    headers = {"Authorization": "Bearer a-bearer-token"}
    return Service("meetup_alert_webhook", environ, lambda url: _post(f"{url}/v1/alertmanager", body, headers))


@pytest.fixture
def enricher(simulator: StartSimulator) -> Service:
    meetup = simulator()

    def environ(folder: Path) -> dict[str, str]:
        return {
            "ENRICHER_PORT": "0",
            "ENRICHER_API_URL": meetup.base_url,
            "ENRICHER_API_KEY": meetup.api_key,
            "ENRICHER_DOCUMENTS": f"sqlite:///{folder}/documents.sqlite",
        }

    ids = {"members": list(range(1, 500)), "groups": list(range(1, 500))}
    return Service("meetup_enricher", environ, lambda url: _post(f"{url}/v1/enrichments", ids))


@pytest.fixture
def feed_operator() -> Iterator[Service]:
    with ExitStack() as running:
        cluster = running.enter_context(a_test_cluster(running.enter_context(a_test_server())))
        cluster.create_feed("rsvps", feed="rsvps")
        yield Service("meetup_feed_operator", lambda folder: _operators(folder, cluster), _probe)


def _operators(folder: Path, cluster: Cluster) -> dict[str, str]:
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig())
    settings = {"PORT": "0", "NAMESPACE": cluster.namespace, "IMAGE": "stream:1", "BUCKET": "records"}
    return {f"FEED_OPERATOR_{name}": value for name, value in settings.items()} | {"KUBECONFIG": str(kubeconfig)}


@pytest.fixture
def gateway(living_meetup: StartLivingMeetup) -> Service:
    meetup = living_meetup()

    def environ(folder: Path) -> dict[str, str]:
        (folder / "follow.yaml").write_text("networks: [simulated-network]\n")
        return {
            "GATEWAY_FOLLOW": f"{folder}/follow.yaml",
            "GATEWAY_STORE": f"{folder}/gateway.db",
            "GATEWAY_KEY": "a-shared-key",
            "GATEWAY_CONTACT": "mailto:test@example.org",
            **meetup.client(),
            "GATEWAY_PORT": "0",
        }

    return Service("meetup_gateway", environ, _probe)


@pytest.fixture
def insight() -> Service:
    def environ(folder: Path) -> dict[str, str]:
        (folder / "objects").mkdir()
        return {
            "INSIGHT_PORT": "0",
            "INSIGHT_OBJECTS": f"file://{folder}/objects",
            "INSIGHT_WAREHOUSE": f"duckdb:///{folder}/insight.duckdb",
            "INSIGHT_HASH_KEY": "0123456789abcdef0123456789abcdef",
        }

    return Service("meetup_insight", environ, _probe, arguments=("serve",))


@pytest.fixture
def stream(simulator: StartSimulator) -> Service:
    meetup = simulator()

    def environ(folder: Path) -> dict[str, str]:
        (folder / "objects").mkdir()
        return {
            "STREAM_PORT": "0",
            "STREAM_FEED": "rsvps",
            "STREAM_URL": f"{meetup.base_url}/2/rsvps",
            "STREAM_OBJECTS": f"file://{folder}/objects",
        }

    return Service("meetup_stream", environ, _probe)


@pytest.fixture
def service(request: pytest.FixtureRequest, module: str) -> Service:
    found: Service = request.getfixturevalue(module.removeprefix("meetup_"))
    return found


def _post(url: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
    """Raises if it is not accepted: the process listens, and no signal has been sent."""
    requests.post(url, json=body, headers=headers, timeout=LONGEST_SECONDS).raise_for_status()


def _probe(url: str) -> None:
    requests.get(f"{url}/livez", timeout=LONGEST_SECONDS).raise_for_status()

"""A pipeline with one upstream behind a proxy, and what such proxies need."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from meetup_testkit.emulators.pytest_plugin import Bucket, FirestoreProject
from meetup_testkit.pipeline import Pipeline, Stores
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess

from .disturbed import FLAGS, NAME, Address, Site, StartSite, Upstream
from .grpc_faults import GrpcFaultProxy

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

"""A cluster to test in: the test server, unless ``KUBECONFIG_TEST`` or ``KUBEBUILDER_ASSETS`` name a real one."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from .cluster import Cluster, a_faulty_connection, a_real_cluster, a_test_cluster, a_test_server
from .control_plane import a_control_plane
from .operator_process import Operator, an_operator
from .stream_pod import StreamPod, a_stream_pod

StartOperator = Callable[..., Operator]
OpenCluster = Callable[[], AbstractContextManager[Cluster]]


@pytest.fixture(scope="session")
def real_kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """An administrator's kubeconfig for a real API server, if the environment names one."""
    with ExitStack() as stack:
        if named := os.environ.get("KUBECONFIG_TEST"):
            yield Path(named)
        elif assets := os.environ.get("KUBEBUILDER_ASSETS"):
            yield stack.enter_context(a_control_plane(Path(assets), tmp_path_factory.mktemp("control-plane")))
        else:
            yield None


@pytest.fixture(scope="session")
def test_server(real_kubeconfig: Path | None) -> Iterator[str | None]:
    """The address of the test server, if there is no real one."""
    with ExitStack() as stack:
        yield None if real_kubeconfig else stack.enter_context(a_test_server())


@pytest.fixture(scope="session")
def open_cluster(real_kubeconfig: Path | None, test_server: str | None) -> OpenCluster:
    """Opens an empty namespace with the CRD and the operator's rights."""
    if test_server:
        return lambda: a_test_cluster(test_server)
    assert real_kubeconfig is not None
    return lambda: a_real_cluster(real_kubeconfig)


@pytest.fixture
def cluster(open_cluster: OpenCluster) -> Iterator[Cluster]:
    """A namespace for one test."""
    with open_cluster() as cluster:
        yield cluster


@pytest.fixture
def own_cluster(real_kubeconfig: Path | None, open_cluster: OpenCluster) -> Iterator[Cluster]:
    """A cluster whose CRD a test may delete, with a connection for faults."""
    with ExitStack() as stack:
        server = None if real_kubeconfig else stack.enter_context(a_test_server())
        found = stack.enter_context(a_test_cluster(server) if server else open_cluster())
        stack.enter_context(a_faulty_connection(found))
        yield found


@pytest.fixture
def quiet_cluster(cluster: Cluster) -> Cluster:
    """A cluster in which the test plays the controllers and the kubelet."""
    if cluster.has_controllers:
        pytest.skip("this cluster has controllers, which would contradict what the test says of pods")
    return cluster


@pytest.fixture
def faulty_cluster(cluster: Cluster) -> Iterator[Cluster]:
    """A cluster whose operators can be sent errors."""
    with a_faulty_connection(cluster):
        yield cluster


@pytest.fixture
def start_operator(cluster: Cluster, tmp_path: Path) -> Iterator[StartOperator]:
    """Starts operators, which end with the test."""
    with ExitStack() as stack:

        def start(name: str = "operator", **settings: str) -> Operator:
            return stack.enter_context(an_operator(cluster, tmp_path, name, **settings))

        yield start


@pytest.fixture
def stream_pod() -> Iterator[StreamPod]:
    with a_stream_pod() as pod:
        yield pod

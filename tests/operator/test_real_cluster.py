"""How the tests come to a real API server, practised without one."""

from pathlib import Path

import pytest
import yaml

from .certificate import a_certificate
from .cluster import a_real_cluster, a_test_server
from .control_plane import a_control_plane
from .operator_process import an_operator

pytestmark = pytest.mark.faults


def test_a_kubeconfig_of_an_administrator_is_all_that_the_tests_need_of_a_real_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")  # what a machine behind a proxy has: another authority
    certificate = a_certificate(tmp_path)
    with a_test_server(certificate.server) as address:
        kubeconfig = tmp_path / "admin.kubeconfig"
        cluster = {"server": address, "certificate-authority": str(certificate.authority)}
        config = {
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": "admin"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        }
        kubeconfig.write_text(yaml.safe_dump(config))
        with a_real_cluster(kubeconfig) as found, an_operator(found, tmp_path):
            found.create_feed("rsvps", feed="rsvps")
            assert found.environment("rsvps")["STREAM_FEED"] == "rsvps"
            found.wait_for_condition("rsvps", "Degraded", "False", "AsExpected")


def test_a_control_plane_that_does_not_start_says_why(tmp_path: Path) -> None:
    for name, script in (("etcd", "exec sleep 60"), ("kube-apiserver", "echo no such flag; exit 3")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    with (
        pytest.raises(AssertionError, match="kube-apiserver ended with 3:\nno such flag"),
        a_control_plane(tmp_path, tmp_path),
    ):
        pass

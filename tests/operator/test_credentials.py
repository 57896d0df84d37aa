"""Credentials that cannot be used: the reason is said within seconds, and they are used as soon as they can be."""

import re
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from .certificate import a_certificate
from .cluster import Body, Cluster, a_test_cluster, a_test_server, eventually
from .conftest import StartOperator
from .operator_process import an_operator


def changed(cluster: Cluster, **parts: object) -> str:
    config = yaml.safe_load(cluster.kubeconfig())
    for name, value in parts.items():
        config[name.replace("_", "-")] = value
    return yaml.safe_dump(config)


def with_cluster(cluster: Cluster, **fields: object) -> str:
    config = yaml.safe_load(cluster.kubeconfig())
    config["clusters"][0]["cluster"] |= {name.replace("_", "-"): value for name, value in fields.items()}
    return yaml.safe_dump(config)


def with_user(cluster: Cluster, user: Body) -> str:
    return changed(cluster, users=[{"name": "operator", "user": user}])


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("clusters: null", "names cluster 'test', which it does not hold"),
        ("relative CA", "certificate-authority .*ca.crt cannot be used: No such file"),
        ("broken CA", "certificate-authority-data cannot be used"),
        ("exec plug-in", "ended with 7: the login has expired"),
        ("token file", "cannot be read: No such file"),
        ("not YAML", "is not YAML"),
        ("wrong token", "401"),
        ("closed port", "ClientConnectorError"),
        ("no TLS", "SSL|ClientConnector"),
    ],
)
def test_credentials_that_cannot_be_used_are_told_of_and_used_once_they_can_be(
    cluster: Cluster, start_operator: StartOperator, tmp_path: Path, what: str, told: str
) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\necho 'the login has expired' >&2\nexit 7\n")
    plugin.chmod(0o755)
    broken: Callable[[], str] = {
        "clusters: null": lambda: changed(cluster, clusters=None),
        "relative CA": lambda: with_cluster(cluster, server="https://127.0.0.1:1", certificate_authority="ca.crt"),
        "broken CA": lambda: with_cluster(cluster, server="https://127.0.0.1:1", certificate_authority_data="bm8="),
        "exec plug-in": lambda: with_user(
            cluster, {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin"}}
        ),
        "token file": lambda: with_user(cluster, {"tokenFile": "missing"}),
        "not YAML": lambda: "{",
        "wrong token": lambda: with_user(cluster, {"token": "wrong"}),
        "closed port": lambda: with_cluster(cluster, server="http://127.0.0.1:1"),
        "no TLS": lambda: with_cluster(cluster, server=cluster.server.replace("http://", "https://")),
    }[what]
    if cluster.server.startswith("https://") and what == "no TLS":
        pytest.skip("this API server has TLS")
    operator = start_operator(wait="no", kubeconfig=broken())
    eventually(lambda: _matches(told, operator.get("/readyz").text), f"{what}: the reason is said")
    assert any(_matches(told, str(line["message"])) for line in operator.events("resync_failed"))
    assert operator.get("/livez").status_code == 200
    (tmp_path / "operator.kubeconfig").write_text(cluster.kubeconfig())
    eventually(lambda: operator.get("/readyz").status_code == 200, "the operator is ready")
    cluster.create_feed("rsvps", feed="rsvps")
    assert cluster.deployment("rsvps")
    assert operator.stop() == 0


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def test_a_token_that_is_replaced_in_its_file_is_used_after_the_old_one_is_refused(
    cluster: Cluster, start_operator: StartOperator, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("expired")
    operator = start_operator(wait="no", kubeconfig=with_user(cluster, {"tokenFile": "token"}))
    eventually(lambda: "401" in operator.get("/readyz").text, "the refusal is said")
    token.write_text(str(cluster.operator_user["token"]))
    eventually(lambda: operator.get("/readyz").status_code == 200, "the operator is ready")


def test_a_signal_ends_the_operator_without_waiting_for_its_exec_plugin(
    cluster: Cluster, start_operator: StartOperator, tmp_path: Path
) -> None:
    """Names that are looked up are such a call in a thread as well, and a name server may never answer."""
    plugin, told = tmp_path / "plugin", tmp_path / "pid"
    plugin.write_text(f"#!/bin/sh\necho $$ > {told}.new && mv {told}.new {told}\nexec sleep 600\n")
    plugin.chmod(0o755)
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin"}
    operator = start_operator(wait="no", kubeconfig=with_user(cluster, {"exec": command}))
    eventually(told.exists, "the plug-in is asked")
    waiting = psutil.Process(int(told.read_text()))
    try:
        assert operator.stop() == 0
        assert waiting.is_running(), "the operator ended before its plug-in did"
    finally:
        waiting.kill()


def test_a_server_is_checked_by_tls_server_name_with_an_authority_beside_the_kubeconfig(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path)
    with (
        a_test_server(certificate.server) as address,
        a_test_cluster(address.replace("127.0.0.1", "localhost")) as found,
    ):
        trust = {"certificate_authority": certificate.authority.name, "server": found.server}
        with an_operator(found, tmp_path, "unnamed", wait="no", kubeconfig=with_cluster(found, **trust)) as operator:
            eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in operator.get("/readyz").text, "the name is checked")
        named = with_cluster(found, **trust, tls_server_name="127.0.0.1")
        with an_operator(found, tmp_path, "named", kubeconfig=named) as operator:
            assert operator.get("/readyz").status_code == 200

"""etcd and kube-apiserver from ``KUBEBUILDER_ASSETS``, as envtest starts them: real, but without controllers."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests
import yaml
from meetup_testkit.child_process import ChildProcess
from meetup_testkit.emulators.process import free_port

from .cluster import eventually

_TOKEN = "tests-are-the-administrators"
_START_SECONDS = 180.0


@contextmanager
def a_control_plane(assets: Path, directory: Path) -> Iterator[Path]:
    """Yields an administrator's kubeconfig."""
    etcd_client, etcd_peer, secure = free_port(), free_port(), free_port()
    key, tokens, kubeconfig = directory / "sa.key", directory / "tokens.csv", directory / "kubeconfig"
    openssl = shutil.which("openssl") or "openssl"
    subprocess.run([openssl, "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    tokens.write_text(f'{_TOKEN},admin,admin,"system:masters"\n')
    server = f"https://127.0.0.1:{secure}"
    etcd = [
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls=http://127.0.0.1:{etcd_client}",
        f"--advertise-client-urls=http://127.0.0.1:{etcd_client}",
        f"--listen-peer-urls=http://127.0.0.1:{etcd_peer}",
        "--unsafe-no-fsync",
    ]
    apiserver = [
        f"--etcd-servers=http://127.0.0.1:{etcd_client}",
        f"--secure-port={secure}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--cert-dir={directory / 'certificates'}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={tokens}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--disable-admission-plugins=ServiceAccount",  # no controller makes the default account
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
    ]
    with ExitStack() as stack:
        processes = []
        for name, options in (("etcd", etcd), ("kube-apiserver", apiserver)):
            processes.append(ChildProcess([str(assets / name), *options], directory / f"{name}.log"))
            stack.callback(processes[-1].end)
        authority = directory / "certificates/apiserver.crt"  # made by the server; it holds its own authority

        def ready() -> bool:
            for process in processes:
                assert process.runs, (
                    f"{process.log.stem} ended with {process.process.returncode}:\n{process.written()[-3000:]}"
                )
            return _is_ready(server, authority)

        eventually(ready, "kube-apiserver is ready", seconds=_START_SECONDS)
        config = {
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": str(authority)}}],
            "users": [{"name": "admin", "user": {"token": _TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        }
        kubeconfig.write_text(yaml.safe_dump(config))
        yield kubeconfig


def _is_ready(server: str, authority: Path) -> bool:
    try:
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        answer = requests.get(f"{server}/readyz", headers=headers, timeout=30, verify=str(authority))
    except (OSError, requests.RequestException):  # no certificate yet, no server yet
        return False
    return answer.status_code == 200

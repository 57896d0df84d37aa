"""kubectl itself reads what is applied by hand. Its client-side check asks a server for its kinds: the test server."""

import subprocess
from pathlib import Path

from ..operator.certificate import a_certificate
from ..operator.cluster import a_test_server
from .test_by_hand import DEV, K8S, documents
from .tools import KUBECTL_37, program, quiet_environment


def test_kubectl_takes_every_manifest_of_the_namespace_and_the_stand_ins(tmp_path: Path) -> None:
    files = [K8S / "namespace.yaml", *DEV]
    certificate = a_certificate(tmp_path)
    with a_test_server(certificate.server) as server:
        command = [str(program(KUBECTL_37, "kubectl")), "--server", server, "--token", "admin"]
        command += ["--certificate-authority", str(certificate.authority)]
        # The server publishes no schemas; test_every_manifest_is_valid has them.
        command += ["create", "--dry-run=client", "--validate=false", "--output", "name"]
        command += [part for file in files for part in ("--filename", str(file))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=quiet_environment(tmp_path))
    assert done.returncode == 0, done.stderr
    named = {line.rpartition("/")[2] for line in done.stdout.split()}
    assert named == {document["metadata"]["name"] for file in files for document in documents(file)}

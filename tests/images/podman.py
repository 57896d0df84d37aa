"""Images and containers by podman.

Containers run by themselves share the machine's network; pods share a bridge, on which each has an address of its own.
"""

import base64
import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
import requests
import yaml
from meetup_testkit.service_process import until

from ..chart.tools import REPOSITORY

T = TypeVar("T")
Manifest = dict[str, Any]
"""A Kubernetes object."""

BASE: Final = "docker.io/library/python:3.13-slim-bookworm"
"""What services/Dockerfile starts from."""
_CERTIFICATES: Final = Path("/etc/ssl/certs")
_BUILD_SECONDS: Final = 1800
_SECONDS: Final = 120.0
_PAGE_SECONDS: Final = 30.0
_LISTENING: Final = re.compile(r"listening on \S*?(?: ?port |:)(\d+)")
_CHECKOUT: Final = hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:8]
"""Two checkouts on one machine do not build over each other's images."""
_LOCKED_DOWN: Final = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop",
    "all",
    "--security-opt",
    "no-new-privileges",
)
"""As the chart's pods are; without the tmpfs folders that podman would add to a read-only root."""


def podman(*arguments: str, check: bool = True, text: str | None = None, seconds: float = _SECONDS) -> str:
    """Run podman and return what it wrote to stdout; a failure shows what it said."""
    done = subprocess.run(["podman", *arguments], input=text or "", capture_output=True, text=True, timeout=seconds)
    if check and done.returncode:
        pytest.fail(f"podman {' '.join(arguments)}: {done.stderr[-3000:]}")
    return done.stdout.strip()


def require_podman() -> None:
    """Skip where there is no podman, or no base image to start from."""
    if shutil.which("podman") is None:
        pytest.skip("part absent: podman: apt-get install podman runc catatonit")
    present = subprocess.run(["podman", "image", "exists", BASE], capture_output=True, timeout=_SECONDS)
    if present.returncode:
        pulled = subprocess.run(["podman", "pull", "--quiet", BASE], capture_output=True, text=True, timeout=300)
        if pulled.returncode:
            # No part of the machine: where no registry is reached and nothing stands in for it, none can be had.
            pytest.skip(f"no base image: podman pull {BASE} says {pulled.stderr[-200:]}")


def image_of(service: str) -> str:
    """The name under which this checkout builds the service's image."""
    return f"localhost/meetup-analysis/{service}:test-{_CHECKOUT}"


def build(service: str) -> None:
    """Build the image of a service; chroot isolation needs no right that a CI machine withholds."""
    command = ["build", "--quiet", "--isolation", "chroot", "--network", "host", "--build-arg", f"SERVICE={service}"]
    if _CERTIFICATES.is_dir():
        command += ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]  # the build trusts what this machine trusts
    command += ["--tag", image_of(service), "--file", str(REPOSITORY / "services/Dockerfile"), str(REPOSITORY)]
    podman(*command, seconds=_BUILD_SECONDS)


def inspect(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(podman("image", "inspect", image))[0]
    return found


def megabytes_above_base(image: str) -> float:
    """What the image adds to its base, in 10^6 bytes."""
    return float(inspect(image)["Size"] - inspect(BASE)["Size"]) / 1e6


def in_image(image: str, *command: str) -> str:
    """What a command says that is run in place of the service, as root, so that it sees everything."""
    return podman("run", "--rm", "--user", "0", "--network", "none", "--entrypoint", command[0], image, *command[1:])


def _logs(container: str) -> str:
    done = subprocess.run(["podman", "logs", container], capture_output=True, text=True, timeout=_SECONDS)
    return done.stdout + done.stderr


class Container:
    """A running container of one image, locked down. Its service is told port 0, and says which one it took."""

    def __init__(self, identifier: str) -> None:
        self.identifier = identifier

    @cached_property
    def port(self) -> int:
        return int(eventually(self._said_port, "a port", self.logs)[1])

    def _said_port(self) -> re.Match[str] | None:
        assert self.running(), f"it ended:\n{self.logs()}"
        return _LISTENING.search(self.logs())

    def page(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=_PAGE_SECONDS)

    def running(self) -> bool:
        return podman("inspect", "--format", "{{.State.Running}}", self.identifier) == "true"

    def logs(self) -> str:
        return _logs(self.identifier)

    def wait_for(self, path: str, status: int = 200) -> None:
        """Wait until the page answers with this status."""

        def answers() -> bool:
            assert self.running(), f"it ended:\n{self.logs()}"
            with contextlib.suppress(requests.ConnectionError, requests.Timeout):
                return self.page(path).status_code == status
            return False

        eventually(answers, f"{path} answers {status}", self.logs)

    def terminate(self) -> int:
        """SIGTERM, as the kubelet sends it; the exit code, or 137 if it had to be killed."""
        podman("stop", "--time", "30", self.identifier)
        return int(podman("inspect", "--format", "{{.State.ExitCode}}", self.identifier))


@contextmanager
def running(image: str, environ: Mapping[str, str], *arguments: str, mounts: Sequence[str] = ()) -> Iterator[Container]:
    """The image's own entry point, locked down, on the machine's network."""
    with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
        file.writelines(f"{name}={value}\n" for name, value in environ.items())
        file.flush()
        volumes = [part for mount in mounts for part in ("--volume", mount)]
        options = ["--detach", "--network", "host", "--env-file", file.name, *_LOCKED_DOWN, *volumes]
        container = Container(podman("run", *options, image, *arguments))
    try:
        yield container
    finally:
        podman("rm", "--force", "--time", "0", container.identifier, check=False)


class Pod:
    """A pod that podman made of a manifest; ``identifier`` is podman's own."""

    def __init__(self, name: str, identifier: str) -> None:
        self.name = name
        self.identifier = identifier

    @property
    def address(self) -> str:
        """Its IPv4 address on the bridge."""
        infra = json.loads(podman("pod", "inspect", self.identifier))["InfraContainerID"]
        networks = json.loads(podman("inspect", infra))[0]["NetworkSettings"]["Networks"]
        (network,) = networks.values()
        return str(network["IPAddress"])

    def get(self, port: int, path: str) -> requests.Response:
        return requests.get(f"http://{self.address}:{port}{path}", timeout=_PAGE_SECONDS)

    def containers(self) -> list[dict[str, Any]]:
        """Those of the manifest, as podman describes them."""
        found = json.loads(podman("pod", "inspect", self.identifier))
        own = [c["Id"] for c in found["Containers"] if c["Id"] != found["InfraContainerID"]]
        described: list[dict[str, Any]] = json.loads(podman("inspect", *own))
        return described

    def logs(self) -> str:
        return "".join(_logs(container["Id"]) for container in self.containers())

    def wait_for(self, port: int, path: str, status: int = 200) -> None:
        def answers() -> bool:
            with contextlib.suppress(requests.ConnectionError, requests.Timeout):
                return self.get(port, path).status_code == status
            return False

        eventually(answers, f"{self.name}: {path} answers {status}", self.logs)

    def terminate(self) -> list[int]:
        """SIGTERM to its containers, as ``kubectl delete pod`` does; their exit codes."""
        podman("pod", "stop", "--time", "60", self.identifier)
        return [container["State"]["ExitCode"] for container in self.containers()]

    def remove(self) -> None:
        podman("pod", "rm", "--force", "--time", "0", self.identifier, check=False)


@contextmanager
def played(*manifests: Manifest) -> Iterator[Pod]:
    """A Deployment and what it mounts, by ``podman kube play``; what an interrupted run left of them is replaced."""
    (name,) = (m["metadata"]["name"] for m in manifests if m["kind"] == "Deployment")
    secrets = [manifest for manifest in manifests if manifest["kind"] == "Secret"]
    with ExitStack() as stack:
        for pod_name in (f"{name}-pod-0", f"{name}-pod"):  # before and since podman 4.4
            podman("pod", "rm", "--force", "--time", "0", pod_name, check=False)
        for secret in secrets:
            _remove(secret)
            stack.callback(_remove, secret)
        said = podman("kube", "play", "--start=false", "-", text=yaml.safe_dump_all(manifests))
        made = re.search(r"^Pod:\n([0-9a-f]+)$", said, re.MULTILINE)
        assert made is not None, said
        pod = Pod(name, made[1])
        stack.callback(pod.remove)
        for secret in secrets:
            _decode(secret)
        podman("pod", "start", pod.identifier)
        yield pod


def _remove(secret: Manifest) -> None:
    """The Secret, and the volume it was mounted as."""
    podman("secret", "rm", secret["metadata"]["name"], check=False)
    podman("volume", "rm", "--force", secret["metadata"]["name"], check=False)


def _decode(secret: Manifest) -> None:
    """Podman mounts a Secret as a volume of its name; podman 4.3 leaves the entries in base64 there."""
    name = secret["metadata"]["name"]
    folder = Path(podman("volume", "inspect", "--format", "{{.Mountpoint}}", name))
    for key, value in secret["data"].items():
        (folder / key).write_bytes(base64.b64decode(value))


def eventually(condition: Callable[[], T | None], what: str, log: Callable[[], str], *, seconds: float = _SECONDS) -> T:
    """``until``, which ends with the end of the log if it was in vain."""
    try:
        return until(condition, what, seconds, poll=0.1)
    except TimeoutError as error:
        pytest.fail(f"{error}\n{log()[-4000:]}")

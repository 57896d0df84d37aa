"""Lets pods on podman's bridge reach what listens on this machine's loopback: the emulators."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from .podman import podman

NETWORK: Final = "podman-default-kube-network"
"""The bridge that ``podman kube play`` puts its pods on; podman makes it with the first pod."""
_BLOCK: Final = 64 * 1024


def gateway() -> str:
    """The machine's own address on the bridge."""
    subnets = json.loads(podman("network", "inspect", NETWORK))[0]["subnets"]
    return str(subnets[0]["gateway"])


@contextmanager
def on_bridge(port: int) -> Iterator[str]:
    """``host:port`` on the bridge that leads to the loopback port; the bridge must have a pod by now."""
    with socket.create_server((gateway(), 0)) as server:
        threading.Thread(target=_accept, args=(server, port), daemon=True).start()
        host, taken = server.getsockname()
        yield f"{host}:{taken}"


def _accept(server: socket.socket, port: int) -> None:
    with contextlib.suppress(OSError):  # the server was closed: the test is over
        while True:
            client, _ = server.accept()
            upstream = socket.create_connection(("127.0.0.1", port))
            for source, target in ((client, upstream), (upstream, client)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until either side ends; then both are closed, which ends the other direction too."""
    with contextlib.suppress(OSError), source, target:
        while block := source.recv(_BLOCK):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)

"""What is left of a service's good requests and probes while hundreds of connections are held."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import requests
from meetup_testkit.service_process import ServiceProcess
from meetup_testkit.slack_plugin import SlackStandIn

from bench.measurement import Row
from bench.measurements.alerts import environ, firing
from bench.workbench import Workbench

_HELD: Final = 600
"""More than a service takes at once (512)."""
_POST: Final = b"POST /v1/alertmanager HTTP/1.1\r\nHost: a\r\n"
_KINDS: Final = {
    "silent": b"",
    "half a head": _POST + b"A: ",
    "half a body": _POST + b"Content-Length: 999\r\n\r\n{",
    "idle after an answer": b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
}
_TIMEOUT: Final = 5.0
"""A sender, or a kubelet, would not wait longer."""


def slow_clients(bench: Workbench) -> Iterable[Row]:
    """Each kind of client holds 600 connections (and comes again when cut off) while good ones ask."""
    asked = bench.scaled(100)
    for kind, begun in _KINDS.items():
        good, probes = _shares(bench, begun, asked)
        yield Row(
            f"alert webhook: {_HELD} connections held, {kind}: good alerts answered 200, probes answered 200",
            "all of them",
            f"{good:.0%}, {probes:.0%}",
            f"Of {asked} each, every one on a connection of its own, answered within {_TIMEOUT:g} s.",
        )


def _shares(bench: Workbench, begun: bytes, asked: int) -> tuple[float, float]:
    folder = bench.new_folder()
    with (
        SlackStandIn() as slack,
        ServiceProcess("meetup_alert_webhook", environ(slack, folder), folder / "webhook.log") as webhook,
    ):
        webhook.wait_ready()
        with _held(webhook.port, begun):
            good = sum(_answered(webhook, number) for number in range(asked))
            probes = sum(_probed(webhook) for _ in range(asked))
    return good / asked, probes / asked


def _answered(webhook: ServiceProcess, number: int) -> bool:
    try:
        answer = requests.post(f"{webhook.url}/v1/alertmanager", json=firing(number), timeout=_TIMEOUT)
    except requests.RequestException:
        return False
    return bool(answer.ok)


def _probed(webhook: ServiceProcess) -> bool:
    try:
        return bool(requests.get(f"{webhook.url}/livez", timeout=_TIMEOUT).ok)
    except requests.RequestException:
        return False


@contextmanager
def _held(port: int, begun: bytes) -> Iterator[None]:
    """So many connections, each made again as soon as it is cut off."""
    stopping = threading.Event()
    holders = [threading.Thread(target=_hold, args=(port, begun, stopping), daemon=True) for _ in range(_HELD)]
    for holder in holders:
        holder.start()
    time.sleep(1.0)  # so that all are there: what is measured is their presence
    yield
    stopping.set()
    for holder in holders:
        holder.join()


def _hold(port: int, begun: bytes, stopping: threading.Event) -> None:
    while not stopping.is_set():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5) as made:
            made.sendall(begun)
            while not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    if not made.recv(4096):
                        break
        stopping.wait(0.2)

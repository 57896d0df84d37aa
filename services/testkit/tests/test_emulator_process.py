"""Ports for programs that cannot say which one they took."""

import random
import socket
from pathlib import Path

from meetup_testkit.emulators.process import free_port


def test_a_free_port_is_none_that_the_kernel_gives_to_others() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    ports = [free_port() for _ in range(50)]
    assert not [port for port in ports if first <= port <= last]


def test_processes_with_one_seed_are_given_different_ports() -> None:
    def ports() -> list[int]:
        random.seed(0)
        return [free_port() for _ in range(5)]

    assert ports() != ports()


def test_a_port_with_a_listener_is_not_free() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert port not in {free_port() for _ in range(200)}

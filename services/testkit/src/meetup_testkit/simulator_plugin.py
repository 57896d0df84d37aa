"""Fixtures: ``simulator`` starts stand-ins for Meetup; ``tcp_proxy`` and ``http_fault_proxy`` disturb any upstream."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest
from meetup_simulator.flags import DEVELOPMENT_KEY

from meetup_testkit.http_fault_proxy import HttpFaultProxy
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.tcp_proxy import TcpProxy


class StartSimulator(Protocol):
    """Starts a ``meetup-simulator`` process with these flags, on a free port."""

    def __call__(self, *flags: str, api_key: str = DEVELOPMENT_KEY) -> SimulatorProcess:
        """Return when it listens."""


class StartProxy(Protocol):
    """Starts a proxy before ``host:port``, on a free port."""

    def __call__(self, port: int, host: str = "127.0.0.1") -> TcpProxy:
        """Return when it listens."""


class StartHttpFaultProxy(Protocol):
    """Starts a proxy for HTTP before ``host:port``, on a free port."""

    def __call__(self, port: int, host: str = "127.0.0.1") -> HttpFaultProxy:
        """Return when it listens."""


@pytest.fixture
def simulator() -> Iterator[StartSimulator]:
    """A factory; every simulator it started is stopped and reaped at the end of the test."""
    with ExitStack() as running:

        def start(*flags: str, api_key: str = DEVELOPMENT_KEY) -> SimulatorProcess:
            return running.enter_context(SimulatorProcess(*flags, api_key=api_key))

        yield start


@pytest.fixture
def tcp_proxy() -> Iterator[StartProxy]:
    """A factory; every proxy it started is stopped at the end of the test."""
    with ExitStack() as running:

        def start(port: int, host: str = "127.0.0.1") -> TcpProxy:
            return running.enter_context(TcpProxy(host, port))

        yield start


@pytest.fixture
def http_fault_proxy() -> Iterator[StartHttpFaultProxy]:
    """A factory; every proxy it started is stopped at the end of the test."""
    with ExitStack() as running:

        def start(port: int, host: str = "127.0.0.1") -> HttpFaultProxy:
            return running.enter_context(HttpFaultProxy(host, port))

        yield start

"""A pipeline one of whose upstreams is reached through a proxy, and an outage of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from meetup_testkit.http_fault_proxy import HttpFaultProxy
from meetup_testkit.pipeline import Pipeline, assert_conserved, wait_until_enriched, wait_until_stored
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.tcp_proxy import TcpProxy

from .grpc_faults import GrpcFaultProxy

FLAGS: Final = ("--rate=40", "--await-reader", "--rate-limit=0/1")
"""Records begin when the stream reads, and flow until the last outage is over."""
OUTAGE_SECONDS: Final = 2.0
ALLOWANCE_SECONDS: Final = 13.0
"""Recovery takes no longer than the outage did, and this: the patience of a call that began just before the outage
ended and whose peer had vanished (10 s of a store, 12 s of the enricher), and a busy machine."""
_POLL_SECONDS: Final = 0.1
NAME: Final = "upstream.invalid"
"""RFC 6761: no name server knows it, whatever network the machine is in."""

ENRICHER_SETTINGS: Final[Mapping[str, str]] = {
    "ENRICHER_CALL_SECONDS": "2",
    "ENRICHER_LEASE_SECONDS": "4",
    "ENRICHER_REFUSED_SECONDS": "0.5",
}
STREAM_SETTINGS: Final[Mapping[str, str]] = {"STREAM_READ_TIMEOUT_SECONDS": "2"}
"""Timeouts that are settings are as long as an outage; those that are constants of the code are what they are."""


class Upstream(StrEnum):
    """What is disturbed, as seen by the service that needs it."""

    FEED = "feed"
    REST_API = "rest-api"
    CLOUD_STORAGE = "cloud-storage"
    FIRESTORE = "firestore"
    ENRICHER = "enricher"
    DIRECTORY = "directory"
    SQLITE = "sqlite"


P = TypeVar("P", TcpProxy, HttpFaultProxy, GrpcFaultProxy)

_STORED: Final = ("meetup_stream_records_stored_total",)
_ENRICHED: Final = ("meetup_enricher_profiles_stored_total", "meetup_enricher_profiles_missing_total")
_RETRIES: Final = ("meetup_stream_retries_total", "meetup_enricher_retries_total")
FLOW: Final[Mapping[Upstream, tuple[str, ...]]] = {
    Upstream.FEED: _STORED,
    Upstream.CLOUD_STORAGE: _STORED,
    Upstream.DIRECTORY: _STORED,
    Upstream.ENRICHER: ("meetup_stream_ids_accepted_total",),
    Upstream.REST_API: _ENRICHED,
    Upstream.FIRESTORE: _ENRICHED,
    Upstream.SQLITE: _ENRICHED,
}
"""The counters that grow while things flow through the upstream."""
WITH_ENRICHER: Final = {Upstream.ENRICHER, Upstream.REST_API, Upstream.FIRESTORE, Upstream.SQLITE}


@dataclass(frozen=True)
class Address:
    """Where the disturbed upstream is found by the service that needs it, and how that service is started."""

    port: int
    host: str = "127.0.0.1"
    hosts: Path | None = None

    @property
    def target(self) -> str:
        return f"{self.host}:{self.port}"

    def command(self, module: str) -> list[str] | None:
        """With a hosts file of its own if it has one."""
        if self.hosts is None:
            return None
        return [str(Path(__file__).with_name("resolving_by.py")), str(self.hosts), module]


@dataclass
class Site:
    """The running parts."""

    upstream: Upstream
    pipeline: Pipeline
    meetup: SimulatorProcess
    services: list[ServiceProcess] = field(default_factory=list)
    feed: str = "rsvps"

    @property
    def _enriches(self) -> bool:
        return self.upstream in WITH_ENRICHER

    def start_enricher(self, address: Address | None = None) -> ServiceProcess:
        """``address`` of the disturbed upstream, if the enricher is the one that needs it."""
        settings: dict[str, Any] = dict(ENRICHER_SETTINGS)
        command = None
        if address is not None:
            command = address.command("meetup_enricher")
            if self.upstream is Upstream.REST_API:
                settings["ENRICHER_API_URL"] = f"http://{address.target}"
            else:
                settings["FIRESTORE_EMULATOR_HOST"] = address.target
        self.services.append(self.pipeline.enricher(command=command, **settings))
        return self.services[-1]

    def start_stream(self, address: Address | None = None, *, enricher: str = "") -> ServiceProcess:
        """``address`` of the disturbed upstream, if the stream is the one that needs it."""
        settings: dict[str, Any] = dict(STREAM_SETTINGS)
        command, url = None, ""
        if address is not None:
            command = address.command("meetup_stream")
            match self.upstream:
                case Upstream.FEED:
                    url = f"http://{address.target}/2/{self.feed}"
                case Upstream.ENRICHER:
                    enricher = f"http://{address.target}"
                case _:
                    settings["STORAGE_EMULATOR_HOST"] = f"http://{address.target}"
        self.services.append(self.pipeline.stream(self.feed, url=url, enricher=enricher, command=command, **settings))
        return self.services[-1]

    def flowed(self) -> float:
        """How much has come through the upstream so far."""
        return self._sum(FLOW[self.upstream])

    def troubles(self) -> float:
        """How often the services found the upstream wanting."""
        lost = ("meetup_stream_disconnects_total",) if self.upstream is Upstream.FEED else ()
        return self._sum(_RETRIES + lost)

    def assert_alive(self) -> None:
        for service in self.services:
            answer = service.get("/livez")
            assert answer.status_code == 200, answer.text

    def errors(self) -> list[str]:
        """What a human is told to look at."""
        return [
            entry["message"]
            for service in self.services
            for entry in service.events()
            if entry["severity"] in ("ERROR", "CRITICAL")
        ]

    def assert_all_came_through_once(self) -> None:
        """Ends publication, waits for what is under way, then ends the services."""
        until(lambda: self.flowed() > 0, "records to flow")
        self.meetup.end()
        wait_until_stored(self.pipeline, self.meetup, self.feed, 1)
        if self._enriches:
            wait_until_enriched(self.pipeline, self.meetup, [self.feed])
        self.assert_alive()
        assert [service.stop() for service in reversed(self.services)] == [0] * len(self.services)
        assert_conserved(self.pipeline, self.meetup, [self.feed], profiles=self._enriches)
        assert "Traceback" not in "".join(service.log.read_text() for service in self.services)

    def _sum(self, metrics: tuple[str, ...]) -> float:
        return sum(service.metric(metric) for service in self.services for metric in metrics)


@dataclass(frozen=True)
class Outage:
    """``fired`` counts how often it struck; it ends when it has struck ``least`` times. ``name`` is for a failure."""

    begin: Callable[[], None]
    end: Callable[[], None]
    fired: Callable[[], int]
    name: str = "the outage"
    least: int = 1


def go_through(site: Site, outage: Outage) -> None:
    """The outage begins while records flow, strikes, and ends; then they flow again in time.

    No process asks to be restarted meanwhile. Raises ``TimeoutError`` if recovery takes longer than it may.
    """

    def alive_and(condition: Callable[[], bool]) -> bool:
        site.assert_alive()
        return condition()

    def has_struck() -> bool:
        return time.monotonic() - began > OUTAGE_SECONDS and outage.fired() >= before + outage.least

    until(lambda: site.flowed() > 0, "records to flow")
    before, began = outage.fired(), time.monotonic()
    outage.begin()
    until(
        lambda: alive_and(has_struck),
        f"{outage.name} to strike",
        poll=_POLL_SECONDS,
    )
    outage.end()
    ended = time.monotonic()
    flowed = site.flowed()
    until(
        lambda: alive_and(lambda: site.flowed() > flowed),
        f"records to flow again after {ended - began:.1f} s of {outage.name}",
        ended + (ended - began) + ALLOWANCE_SECONDS - time.monotonic(),
        poll=_POLL_SECONDS,
    )


class Placed(Generic[P]):
    """Puts a proxy before an upstream as soon as the upstream's port is known."""

    proxy: P

    def __init__(self, start: Callable[[int], P], host: str = "127.0.0.1", hosts: Path | None = None) -> None:
        self._start: Callable[[int], P] = start
        self._host = host
        self._hosts = hosts

    def __call__(self, port: int) -> Address:
        self.proxy = self._start(port)
        return Address(self.proxy.port, self._host, self._hosts)


class StartSite(Protocol):
    """Starts what an upstream needs, with a proxy before it."""

    def __call__(self, upstream: Upstream, before: Callable[[int], Address], *flags: str) -> Site:
        """Return when the services are started; ``flags`` are further ones of the simulator."""

"""Each upstream x each fault: what was published is stored once, and recovery takes no longer than the outage did.

The tables are the matrix; ``tests/README.md`` shows it with what the emulators leave out.
"""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc
import pytest
from meetup_testkit.simulator_plugin import StartHttpFaultProxy, StartProxy
from meetup_testkit.tcp_proxy import Direction, Disturbance, TcpProxy

from .disturbed import NAME, Address, Outage, Placed, StartSite, Upstream, go_through
from .grpc_faults import GrpcFaultProxy

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

OVER_A_NETWORK = [
    Upstream.FEED,
    Upstream.REST_API,
    Upstream.CLOUD_STORAGE,
    Upstream.FIRESTORE,
    Upstream.ENRICHER,
]
HALF_AN_ANSWER = {
    Upstream.FEED: 20_000,
    Upstream.REST_API: 700,
    Upstream.CLOUD_STORAGE: 300,
    Upstream.FIRESTORE: 100,
    Upstream.ENRICHER: 80,
}
"""Bytes from the beginning of a connection to somewhere in its first answer."""


# Faults of the network.


def refuse(proxy: TcpProxy, _: Upstream) -> None:
    proxy.refuse()
    proxy.reset_open()


def reset(proxy: TcpProxy, _: Upstream) -> None:
    proxy.reset()
    proxy.reset_open()


def hang(proxy: TcpProxy, _: Upstream) -> None:
    proxy.hang()
    proxy.reset_open()


def fall_silent(proxy: TcpProxy, _: Upstream) -> None:
    proxy.stall()


def vanish(proxy: TcpProxy, _: Upstream) -> None:
    proxy.lose()


def cut(proxy: TcpProxy, upstream: Upstream) -> None:
    proxy.cut(HALF_AN_ANSWER[upstream], Direction.TO_CLIENT)
    proxy.reset_open()


def struck(proxy: TcpProxy, kind: Disturbance) -> int:
    return proxy.fired.get(kind, 0)


NETWORK = {
    "connection refused": (refuse, Disturbance.REFUSE),
    "reset": (reset, Disturbance.RESET),
    "hang after connect": (hang, Disturbance.HANG),
    "silence": (fall_silent, Disturbance.STALL),
    "peer vanished": (vanish, Disturbance.LOSE),
    "half an answer": (cut, Disturbance.CUT),
}


@pytest.mark.parametrize("upstream", OVER_A_NETWORK)
def test_faults_of_the_network_lose_nothing_and_recovery_is_no_longer_than_each_outage(
    upstream: Upstream, start_site: StartSite, tcp_proxy: StartProxy
) -> None:
    before = Placed(tcp_proxy)
    site = start_site(upstream, before)
    proxy = before.proxy
    for fault, (strike, kind) in NETWORK.items():
        troubles = site.troubles()
        go_through(site, Outage(partial(strike, proxy, upstream), proxy.heal, partial(struck, proxy, kind), fault))
        if fault not in ("silence", "hang after connect"):  # shorter than patience, these are only slow answers
            assert site.troubles() > troubles, fault
    site.assert_all_came_through_once()
    assert site.errors() == []


@pytest.mark.parametrize("upstream", OVER_A_NETWORK)
def test_a_name_that_does_not_resolve_loses_nothing_and_recovery_is_no_longer_than_the_outage(
    upstream: Upstream, start_site: StartSite, tcp_proxy: StartProxy, hosts: Path
) -> None:
    before = Placed(tcp_proxy, NAME, hosts)
    site = start_site(upstream, before)
    proxy = before.proxy
    found_before = 0

    def begin() -> None:
        nonlocal found_before
        hosts.write_text("127.0.0.1 localhost\n")  # the same file: a new one would not be the mounted one
        proxy.reset()  # gRPC goes on with the address it knew; that must not help
        proxy.reset_open()
        found_before = proxy.accepted

    def end() -> None:
        if upstream is not Upstream.FIRESTORE:
            assert proxy.accepted == found_before
        proxy.heal()
        hosts.write_text(f"127.0.0.1 localhost {NAME}\n")

    go_through(site, Outage(begin, end, fired=lambda: int(site.troubles())))
    site.assert_all_came_through_once()
    assert site.errors() == []


# Statuses that pass.

PASSING = {429: grpc.StatusCode.RESOURCE_EXHAUSTED, 500: grpc.StatusCode.INTERNAL, 503: grpc.StatusCode.UNAVAILABLE}
"""Firestore's words for them: https://cloud.google.com/apis/design/errors."""
OVER_HTTP = [upstream for upstream in OVER_A_NETWORK if upstream is not Upstream.FIRESTORE]


SHARES = {"to 10 %": 10, "to 100 %": 1}
"""Every n-th answer is one of them, each in its turn."""


@pytest.mark.parametrize("upstream", OVER_HTTP)
def test_statuses_that_pass_lose_nothing_and_recovery_is_no_longer_than_each_outage(
    upstream: Upstream, start_site: StartSite, http_fault_proxy: StartHttpFaultProxy
) -> None:
    before = Placed(http_fault_proxy)
    site = start_site(upstream, before)
    proxy = before.proxy

    def begin(every: int) -> None:
        proxy.answer(*PASSING, every=every)
        proxy.end_open()

    def fired(every: int) -> int:
        if upstream is Upstream.FEED and every > 1:
            proxy.end_open()  # a feed is asked for once; to be refused now and then it must be asked for more often
        return proxy.fired

    for share, every in SHARES.items():
        troubles = site.troubles()
        go_through(site, Outage(partial(begin, every), proxy.heal, partial(fired, every), share, len(PASSING)))
        assert site.troubles() > troubles, share
    site.assert_all_came_through_once()
    assert site.errors() == []


def test_statuses_of_firestore_that_pass_lose_nothing_and_recovery_is_no_longer_than_each_outage(
    start_site: StartSite, grpc_fault_proxy: Callable[[int], GrpcFaultProxy]
) -> None:
    before = Placed(grpc_fault_proxy)
    site = start_site(Upstream.FIRESTORE, before)
    proxy = before.proxy
    for share, every in SHARES.items():
        begin = partial(proxy.answer, *PASSING.values(), every=every)
        go_through(site, Outage(begin, proxy.heal, lambda: proxy.fired, share, len(PASSING)))
    site.assert_all_came_through_once()
    assert site.errors() == []


# Stores of one machine.


def test_a_directory_that_is_gone_for_a_while_loses_nothing(start_site: StartSite, tmp_path: Path) -> None:
    site = start_site(Upstream.DIRECTORY, lambda port: Address(port))
    directory, aside = tmp_path / "objects", tmp_path / "aside"
    go_through(
        site,
        Outage(
            begin=lambda: rename(directory, aside),
            end=lambda: rename(aside, directory),
            fired=lambda: int(site.troubles()),
        ),
    )
    site.assert_all_came_through_once()
    assert site.errors() == []


def test_a_database_that_another_process_locks_for_a_while_loses_nothing(start_site: StartSite, tmp_path: Path) -> None:
    site = start_site(Upstream.SQLITE, lambda port: Address(port))
    other = sqlite3.connect(tmp_path / "documents.sqlite", timeout=30, isolation_level=None, check_same_thread=False)
    locked = 0

    def begin() -> None:
        nonlocal locked
        other.execute("BEGIN EXCLUSIVE")
        locked += 1

    go_through(site, Outage(begin, end=lambda: finish(other), fired=lambda: locked))
    other.close()
    site.assert_all_came_through_once()
    assert site.errors() == []


def rename(source: Path, target: Path) -> None:
    source.rename(target)


def finish(database: sqlite3.Connection) -> None:
    database.execute("ROLLBACK")


def test_the_readme_shows_every_fault() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    section = readme.split("## The fault matrix")[1].split("\n## ")[0]
    rows = [row.strip("|").split("|") for row in section.splitlines() if row.startswith("| ")]
    shown = [row[0].strip() for row in rows[1:]]
    statuses = ", ".join(map(str, PASSING))
    assert shown == [
        "name does not resolve",
        *NETWORK,
        f"{statuses} to 10 %",
        f"{statuses} to 100 %",
        "403, 404, passing",
        "403, 404, lasting",
    ]
    assert len(rows[0]) == 1 + len(OVER_A_NETWORK)

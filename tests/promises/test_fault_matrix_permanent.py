"""What time does not cure: refusals while records flow, clocks that are wrong, and a second process of one feed."""

import json
import time
from collections.abc import Callable

import grpc
import pytest
from meetup_testkit.emulators.pytest_plugin import Bucket
from meetup_testkit.pipeline import Pipeline, Stores, assert_conserved, wait_until_stored
from meetup_testkit.service_process import until
from meetup_testkit.simulator_plugin import StartHttpFaultProxy, StartProxy, StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.tcp_proxy import TcpProxy
from meetupkit.stores import open_objects

from .disturbed import Address, Outage, Placed, StartSite, Upstream, go_through
from .grpc_faults import GrpcFaultProxy

RunPipeline = Callable[[Stores, SimulatorProcess], Pipeline]

MOST_REFUSALS = 300
"""The objects of one batch (256) are under way when the first refusal comes; nothing is tried after them."""

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("upstream", [Upstream.FEED, Upstream.CLOUD_STORAGE])
def test_a_refusal_ends_the_stream_with_one_error_and_a_new_one_goes_on_where_it_was(
    upstream: Upstream, status: int, start_site: StartSite, http_fault_proxy: StartHttpFaultProxy
) -> None:
    before = Placed(http_fault_proxy)
    site = start_site(upstream, before)
    until(lambda: site.flowed() > 0, "records to flow")
    before.proxy.answer(status)
    before.proxy.end_open()
    (stream,) = site.services
    assert stream.process.wait(60) == 1
    (said,) = site.errors()
    assert str(status) in said
    assert "Traceback" not in stream.log.read_text()
    assert 1 <= before.proxy.fired <= MOST_REFUSALS
    before.proxy.heal()
    site.services.clear()
    site.start_stream(Address(before.proxy.port))
    site.assert_all_came_through_once()
    assert site.errors() == []


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_the_feed_that_passes_loses_nothing_and_ends_nothing(
    status: int, start_site: StartSite, http_fault_proxy: StartHttpFaultProxy
) -> None:
    before = Placed(http_fault_proxy)
    site = start_site(Upstream.FEED, before)

    def begin() -> None:
        before.proxy.answer(status)
        before.proxy.end_open()

    go_through(site, Outage(begin, lambda: before.proxy.heal(), lambda: before.proxy.fired))
    assert site.troubles() > 0
    site.assert_all_came_through_once()
    assert site.errors() == []


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("upstream", [Upstream.REST_API, Upstream.ENRICHER])
def test_a_refusal_of_what_is_queued_durably_is_said_once_and_waited_out(
    upstream: Upstream, status: int, start_site: StartSite, http_fault_proxy: StartHttpFaultProxy
) -> None:
    before = Placed(http_fault_proxy)
    site = start_site(upstream, before)
    go_through(
        site, Outage(lambda: before.proxy.answer(status), lambda: before.proxy.heal(), lambda: before.proxy.fired)
    )
    site.assert_all_came_through_once()
    (said,) = site.errors()
    assert str(status) in said


@pytest.mark.parametrize(
    ("code", "detail", "advice"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, "Missing or insufficient permissions.", "roles/datastore.user"),
        (grpc.StatusCode.NOT_FOUND, "The database (default) does not exist for project p.", "databases create"),
    ],
)
def test_a_refusal_of_firestore_is_said_once_and_waited_out(
    code: grpc.StatusCode,
    detail: str,
    advice: str,
    start_site: StartSite,
    grpc_fault_proxy: Callable[[int], GrpcFaultProxy],
) -> None:
    before = Placed(grpc_fault_proxy)
    site = start_site(Upstream.FIRESTORE, before)
    proxy = before.proxy
    go_through(site, Outage(lambda: proxy.answer(code, detail=detail), proxy.heal, lambda: proxy.fired))
    site.assert_all_came_through_once()
    (said,) = site.errors()
    assert advice in said


def test_a_stream_that_starts_while_the_store_is_away_waits_for_it(
    start_site: StartSite, tcp_proxy: StartProxy
) -> None:
    def away(port: int) -> Address:
        proxy = tcp_proxy(port)
        proxy.refuse()
        proxies.append(proxy)
        return Address(proxy.port)

    proxies: list[TcpProxy] = []
    site = start_site(Upstream.CLOUD_STORAGE, away)
    (stream,) = site.services
    until(lambda: stream.events("retry"), "the stream to try again")
    assert stream.events("store_unavailable_at_start")
    assert not stream.ready()
    site.assert_alive()
    proxies[0].heal()
    site.assert_all_came_through_once()
    assert site.errors() == []


DAY_MS = 24 * 3600 * 1000
CLOCKS = {"in the year 2100": 4_102_444_800_000, "in the year 2000": 946_684_800_000}


@pytest.mark.parametrize("epoch", CLOCKS.values(), ids=CLOCKS)
def test_mtimes_of_a_clock_that_is_wrong_lose_nothing_and_move_no_cursor_beyond_tomorrow(
    epoch: int, start_site: StartSite, tcp_proxy: StartProxy, local: Stores
) -> None:
    before = Placed(tcp_proxy)
    site = start_site(Upstream.FEED, before, f"--epoch={epoch}")

    def begin() -> None:
        before.proxy.refuse()
        before.proxy.reset_open()

    go_through(site, Outage(begin, lambda: before.proxy.heal(), lambda: int(site.troubles())))
    site.assert_all_came_through_once()
    assert site.errors() == []
    assert cursor_of(local) <= time.time() * 1000 + DAY_MS


NONSENSE = {
    "a time of day": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795471405"},
    "millennia": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"},
    "the past": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "-5"},
    "words": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"},
    "less than none": {"X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "10"},
}


@pytest.mark.parametrize("headers", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_about_the_rate_limit_stops_nothing(
    headers: dict[str, str], start_site: StartSite, http_fault_proxy: StartHttpFaultProxy
) -> None:
    before = Placed(http_fault_proxy)
    site = start_site(Upstream.REST_API, before)
    before.proxy.replace_headers({"X-RateLimit-Limit": "30", **headers})
    until(lambda: before.proxy.fired > 2, "answers with nonsense")
    site.assert_all_came_through_once()
    assert site.errors() == []


def cursor_of(stores: Stores) -> int:
    """Milliseconds since the epoch; 0 while there is none."""
    store = open_objects(stores.objects)
    try:
        stored = store.read("rsvps/_cursor")
        return int(json.loads(stored.body)["mtime"]) if stored else 0
    finally:
        store.close()


def test_a_second_pod_of_a_feed_takes_it_over_and_the_cursor_never_moves_backwards(
    simulator: StartSimulator, run_pipeline: RunPipeline, cloud_storage: Bucket, local: Stores
) -> None:
    records = 1500
    stores = Stores(cloud_storage.url, local.documents)
    meetup = simulator("--rate=150", f"--count={records}", "--await-reader")
    pipeline = run_pipeline(stores, meetup)
    cursors: list[int] = []

    def moved(times: int) -> bool:
        cursors.append(cursor_of(stores))
        return len(set(cursors)) >= times

    first = pipeline.stream("rsvps").wait_ready()
    until(lambda: moved(2), "the first to move the cursor")
    second = pipeline.stream("rsvps").wait_ready()
    until(lambda: moved(2) and "standby" in first.get("/readyz").text, "the first to stand back")
    seen = len(set(cursors))
    until(lambda: moved(seen + 1), "the second to move the cursor")
    assert [first.get("/livez").status_code, second.get("/livez").status_code] == [200, 200]
    wait_until_stored(pipeline, meetup, "rsvps", records)
    assert [second.stop(), first.stop()] == [0, 0]
    cursors.append(cursor_of(stores))
    assert cursors == sorted(cursors)
    assert len(first.events("cursor_superseded")) == 1
    assert second.events("cursor_superseded") == []
    assert_conserved(pipeline, meetup, ["rsvps"], profiles=False)

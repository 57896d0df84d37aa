"""Killed at every durable boundary, and at random: nothing lost, nothing twice, nothing invented."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from meetup_testkit.pipeline import (
    Pipeline,
    Stores,
    assert_conserved,
    ids_in,
    wait_until_enriched,
    wait_until_stored,
)
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess
from meetupkit.failpoints import Failpoint
from meetupkit.stores import open_objects

RunPipeline = Callable[[Stores, SimulatorProcess], Pipeline]

RECORDS = 600
IN_STREAM = {Failpoint.RECORD_READ, Failpoint.OBJECT_WRITTEN, Failpoint.IDS_ACCEPTED, Failpoint.CURSOR_WRITTEN}
NTH = {
    Failpoint.RECORD_READ: 1,
    Failpoint.OBJECT_WRITTEN: 123,
    Failpoint.IDS_ACCEPTED: 1,
    Failpoint.CURSOR_WRITTEN: 2,
    Failpoint.IDS_QUEUED: 1,
    Failpoint.IDS_TAKEN: 1,
    Failpoint.ANSWER_RECEIVED: 1,
    Failpoint.BATCH_COMMITTED: 1,
}
"""Which time: one that comes however the records fall into batches. The cursor is first written when it is claimed."""

SHORT_LEASE: Mapping[str, Any] = {"ENRICHER_LEASE_SECONDS": "3", "ENRICHER_CALL_SECONDS": "2"}

pytestmark = pytest.mark.faults


def killed_at(failpoint: Failpoint, times: int, proof: Path, module: str) -> list[str]:
    """The command of a service that dies when it hits the failpoint for the n-th time."""
    return [str(Path(__file__).with_name("kill_at_failpoint.py")), failpoint.value, str(times), str(proof), module]


def assert_killed(process: ServiceProcess, failpoint: Failpoint, times: int, proof: Path) -> None:
    assert process.process.wait(60) == -signal.SIGKILL, process.log.read_text()
    assert proof.read_text() == f"{failpoint.value} {times}"


def test_every_failpoint_is_tried() -> None:
    assert set(NTH) == set(Failpoint)


@pytest.mark.parametrize("failpoint", sorted(IN_STREAM))
@pytest.mark.parametrize("layout", ["records", "batch"])
def test_a_stream_killed_at_a_failpoint_loses_nothing(
    failpoint: Failpoint,
    layout: str,
    simulator: StartSimulator,
    run_pipeline: RunPipeline,
    stores: Stores,
    tmp_path: Path,
) -> None:
    meetup = simulator("--rate=200", f"--count={RECORDS}", "--rate-limit=0/1")
    pipeline = run_pipeline(stores, meetup)
    enricher = pipeline.enricher().wait_ready()
    proof = tmp_path / "killed"
    settings: Mapping[str, Any] = {"STREAM_LAYOUT": layout, "STREAM_SEGMENT_SECONDS": "1", "enricher": enricher.url}
    # one segment may hold them all
    times = 1 if layout == "batch" and failpoint is Failpoint.OBJECT_WRITTEN else NTH[failpoint]
    first = pipeline.stream("rsvps", command=killed_at(failpoint, times, proof, "meetup_stream"), **settings)
    assert_killed(first, failpoint, times, proof)
    second = pipeline.stream("rsvps", **settings).wait_ready()
    wait_until_stored(pipeline, meetup, "rsvps", RECORDS)
    wait_until_enriched(pipeline, meetup, ["rsvps"])
    assert second.stop() == 0
    assert_conserved(pipeline, meetup, ["rsvps"], profiles=True)


@pytest.mark.parametrize("layout", ["records", "batch"])
def test_a_gap_is_told_though_the_stream_is_killed_as_soon_as_the_record_that_shows_it_is_stored(
    layout: str, simulator: StartSimulator, run_pipeline: RunPipeline, local: Stores, tmp_path: Path
) -> None:
    meetup = simulator("--rate=200", f"--count={RECORDS}", "--backlog=10")
    pipeline = run_pipeline(local, meetup)
    settings: Mapping[str, Any] = {"STREAM_LAYOUT": layout, "STREAM_SEGMENT_SECONDS": "1"}
    first = pipeline.stream("rsvps", **settings).wait_ready()
    until(lambda: pipeline.stored("rsvps"), "some records")
    assert first.stop() == 0
    until(lambda: len(meetup.published("rsvps")) == RECORDS, "everything published, so that all later ask for the same")
    proof = tmp_path / "killed"
    second = pipeline.stream(
        "rsvps", command=killed_at(Failpoint.OBJECT_WRITTEN, 1, proof, "meetup_stream"), **settings
    )
    assert_killed(second, Failpoint.OBJECT_WRITTEN, 1, proof)
    third = pipeline.stream("rsvps", **settings).wait_ready()
    until(lambda: third.metric("meetup_stream_overlaps_total") == 1, "an overlap with what was stored before the kill")
    assert third.stop() == 0
    store = open_objects(local.objects)
    entries = [
        entry
        for name in store.names("rsvps/_ledger/")
        if (day := store.read(name))
        for entry in json.loads(day.body)["connections"]
    ]
    assert [entry["overlap"] for entry in entries] == [None, False, True]


@pytest.mark.parametrize("failpoint", sorted(set(Failpoint) - IN_STREAM))
def test_an_enricher_killed_at_a_failpoint_loses_nothing(
    failpoint: Failpoint, simulator: StartSimulator, run_pipeline: RunPipeline, stores: Stores, tmp_path: Path
) -> None:
    meetup = simulator("--rate=200", f"--count={RECORDS}", "--rate-limit=0/1")
    pipeline = run_pipeline(stores, meetup)
    proof = tmp_path / "killed"
    first = pipeline.enricher(
        command=killed_at(failpoint, NTH[failpoint], proof, "meetup_enricher"), **SHORT_LEASE
    ).wait_ready()
    stream = pipeline.stream("rsvps", enricher=first.url)
    assert_killed(first, failpoint, NTH[failpoint], proof)
    second = pipeline.enricher(port=first.port, **SHORT_LEASE)
    wait_until_stored(pipeline, meetup, "rsvps", RECORDS)
    wait_until_enriched(pipeline, meetup, ["rsvps"])
    assert stream.stop() == 0
    assert second.stop() == 0
    assert_conserved(pipeline, meetup, ["rsvps"], profiles=True)


@pytest.mark.parametrize("seed", range(int(os.environ.get("KILL_SEEDS", "3"))))  # twenty beside `make soak`
def test_services_ended_at_random_lose_nothing(
    seed: int, simulator: StartSimulator, run_pipeline: RunPipeline, local: Stores
) -> None:
    draw = random.Random(seed)
    feed = draw.choice(["rsvps", "open_events", "event_comments", "photos"])
    records = 1500
    meetup = simulator("--rate=250", f"--count={records}", "--rate-limit=0/1", f"--seed={seed}", "--unknown-every=7")
    pipeline = run_pipeline(local, meetup)
    enricher = pipeline.enricher(**SHORT_LEASE).wait_ready()
    port = enricher.port
    stream = pipeline.stream(feed, enricher=enricher.url).wait_ready()
    ended = 0
    while ended < 2 or len(meetup.published(feed)) < records:
        time.sleep(draw.uniform(0, 0.7))  # the moment is what is random, not what is waited for
        which, how = draw.choice(["stream", "enricher"]), draw.choice([signal.SIGTERM, signal.SIGKILL])
        victim = stream if which == "stream" else enricher
        victim.process.send_signal(how)
        assert victim.process.wait(30) == (0 if how == signal.SIGTERM else -signal.SIGKILL)
        ended += 1
        if which == "stream":
            stream = pipeline.stream(feed, enricher=f"http://127.0.0.1:{port}").wait_ready()
        else:
            enricher = pipeline.enricher(port=port, **SHORT_LEASE).wait_ready()
    wait_until_stored(pipeline, meetup, feed, records)
    wait_until_enriched(pipeline, meetup, [feed])
    assert stream.stop() == 0
    assert enricher.stop() == 0
    assert_conserved(pipeline, meetup, [feed], profiles=True)


def ids_beside_cursor(stores: Stores) -> dict[str, set[int]]:
    store = open_objects(stores.objects)
    cursor = store.read("rsvps/_cursor")
    store.close()
    pending = json.loads(cursor.body)["ids_pending"] if cursor else {}
    return {kind: set(ids) for kind, ids in pending.items()}


def test_the_ids_of_stored_records_outlive_a_kill_while_the_enricher_is_away(
    simulator: StartSimulator, run_pipeline: RunPipeline, local: Stores
) -> None:
    """The backlog is too short to bring the records again: only what is beside the cursor can tell the ids."""
    meetup = simulator("--rate=0", f"--count={RECORDS}", "--rate-limit=0/1", "--backlog=1")
    pipeline = run_pipeline(local, meetup)
    unreached = pipeline.enricher().wait_ready()
    port = unreached.port
    unreached.kill()
    first = pipeline.stream("rsvps", enricher=f"http://127.0.0.1:{port}").wait_ready()
    wait_until_stored(pipeline, meetup, "rsvps", RECORDS)
    named = ids_in("rsvps", meetup.published("rsvps"))
    until(lambda: ids_beside_cursor(local) == named, "all ids to stand beside the cursor")
    first.kill()
    pipeline.enricher(port=port).wait_ready()
    pipeline.stream("rsvps", enricher=f"http://127.0.0.1:{port}")
    wait_until_enriched(pipeline, meetup, ["rsvps"])
    assert_conserved(pipeline, meetup, ["rsvps"], profiles=True)

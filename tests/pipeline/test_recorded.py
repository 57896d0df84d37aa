"""Recorded traffic through the whole pipeline: each distinct record is stored once, and every id comes to an end."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from meetup_testkit.pipeline import (
    Pipeline,
    Stores,
    assert_conserved,
    wait_until_enriched,
    wait_until_stored,
)
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess
from meetupkit.feeds import FEEDS

DATA = Path(__file__).parents[3] / "shared" / "data"
FILES = sorted(DATA.glob("recorded/*.gz")) + sorted(DATA.glob("derived/*.gz"))
RECORDED = {feed: files for feed in FEEDS if (files := [file for file in FILES if file.name.startswith(feed)])}
pytestmark = pytest.mark.skipif(not RECORDED, reason=f"no recorded traffic at {DATA}")
PROFILES = [f"--{kind}={file}" for file in FILES for kind in ("members", "groups") if file.name.startswith(kind)]


def lines_of(*files: Path) -> list[bytes]:
    """The records of the files, in order."""
    return [line for file in files for line in gzip.decompress(file.read_bytes()).split(b"\n") if line.strip()]


RunPipeline = Callable[[Stores, SimulatorProcess], Pipeline]


def replays(*feeds: str) -> list[str]:
    """The simulator's arguments: all recordings of each feed after each other."""
    return ["--only-replay", *(f"--replay={feed}={file}" for feed in feeds for file in RECORDED[feed]), *PROFILES]


@pytest.mark.parametrize("layout", ["records", "batch"])
def test_recordings_of_every_feed_are_stored_once_byte_for_byte_and_their_profiles_follow(
    layout: str, simulator: StartSimulator, run_pipeline: RunPipeline, local: Stores
) -> None:
    meetup = simulator("--rate=0", "--rate-limit=0/1", *replays(*RECORDED))
    pipeline = run_pipeline(local, meetup)
    enricher = pipeline.enricher().wait_ready()
    settings = {"STREAM_LAYOUT": layout, "STREAM_SEGMENT_SECONDS": "1"}
    streams = [pipeline.stream(feed, enricher=enricher.url, **settings) for feed in RECORDED]
    for feed, files in RECORDED.items():
        recorded = lines_of(*files)
        wait_until_stored(pipeline, meetup, feed, len(recorded))
        assert meetup.published(feed) == recorded
    wait_until_enriched(pipeline, meetup, list(RECORDED))
    assert [process.stop() for process in (*streams, enricher)] == [0] * (len(streams) + 1)
    assert_conserved(pipeline, meetup, list(RECORDED), profiles=True)


def test_recordings_of_a_feed_are_stored_once_in_google_s_stores(
    simulator: StartSimulator, run_pipeline: RunPipeline, google: Stores
) -> None:
    recorded = lines_of(*RECORDED["photos"])
    meetup = simulator("--rate=0", "--rate-limit=0/1", *replays("photos"))
    pipeline = run_pipeline(google, meetup)
    enricher = pipeline.enricher().wait_ready()
    stream = pipeline.stream("photos", enricher=enricher.url)
    wait_until_stored(pipeline, meetup, "photos", len(recorded))
    wait_until_enriched(pipeline, meetup, ["photos"])
    assert meetup.published("photos") == recorded
    assert stream.stop() == 0
    assert enricher.stop() == 0
    assert_conserved(pipeline, meetup, ["photos"], profiles=True)

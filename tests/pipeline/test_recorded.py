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
RECORDED = [
    pytest.param(feed, file, id=f"{file.parent.name}/{file.name.partition('.')[0]}")
    for file in FILES
    for feed in FEEDS
    if file.name.startswith(feed)
] or [pytest.param("", DATA, id="none", marks=pytest.mark.skip(f"no recorded traffic at {DATA}"))]
PROFILES = [f"--{kind}={file}" for file in FILES for kind in ("members", "groups") if file.name.startswith(kind)]


def lines_of(*files: Path) -> list[bytes]:
    """The records of the files, in order."""
    return [line for file in files for line in gzip.decompress(file.read_bytes()).split(b"\n") if line.strip()]


RunPipeline = Callable[[Stores, SimulatorProcess], Pipeline]


@pytest.mark.parametrize("layout", ["records", "batch"])
@pytest.mark.parametrize(("feed", "file"), RECORDED)
def test_a_recording_is_stored_once_byte_for_byte_and_its_profiles_follow(
    feed: str, file: Path, layout: str, simulator: StartSimulator, run_pipeline: RunPipeline, local: Stores
) -> None:
    meetup = simulator("--rate=0", "--rate-limit=0/1", f"--replay={feed}={file}", "--only-replay", *PROFILES)
    pipeline = run_pipeline(local, meetup)
    enricher = pipeline.enricher().wait_ready()
    stream = pipeline.stream(feed, enricher=enricher.url, STREAM_LAYOUT=layout, STREAM_SEGMENT_SECONDS="1")
    recorded = lines_of(file)
    wait_until_stored(pipeline, meetup, feed, len(recorded))
    wait_until_enriched(pipeline, meetup, [feed])
    assert meetup.published(feed) == recorded
    assert stream.stop() == 0
    assert enricher.stop() == 0
    assert_conserved(pipeline, meetup, [feed], profiles=True)


def test_all_recordings_of_a_feed_after_each_other_are_stored_once_in_google_s_stores(
    simulator: StartSimulator, run_pipeline: RunPipeline, google: Stores
) -> None:
    files = [file for file in FILES if file.name.startswith("photos")]
    if not files:
        pytest.skip(f"no recorded traffic at {DATA}")
    recorded, replays = lines_of(*files), [f"--replay=photos={file}" for file in files]
    meetup = simulator("--rate=0", "--rate-limit=0/1", "--only-replay", *replays, *PROFILES)
    pipeline = run_pipeline(google, meetup)
    enricher = pipeline.enricher().wait_ready()
    stream = pipeline.stream("photos", enricher=enricher.url)
    wait_until_stored(pipeline, meetup, "photos", len(recorded))
    wait_until_enriched(pipeline, meetup, ["photos"])
    assert meetup.published("photos") == recorded
    assert stream.stop() == 0
    assert enricher.stop() == 0
    assert_conserved(pipeline, meetup, ["photos"], profiles=True)

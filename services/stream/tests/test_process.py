"""The stream as a person or a cluster meets it: start, probes, stop, and stores that go away."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from meetup_testkit.child_process import run_to_end
from meetup_testkit.emulators.process import free_port
from meetup_testkit.service_process import StartStream, until
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.stored import Stored


def test_all_wrong_settings_are_said_at_once_with_exit_code_2() -> None:
    environ = {"PATH": os.environ["PATH"], "STREAM_PORT": "x", "STREAM_OBJECTS": "file:///tmp/x", "STREAM_URL": "h"}
    ended = run_to_end([sys.executable, "-m", "meetup_stream"], environ)
    assert ended.code == 2
    assert [line.split(":")[0].strip() for line in ended.said.splitlines()] == [
        "wrong settings",
        "STREAM_FEED",
        "STREAM_URL",
        "STREAM_PORT",
    ]


@pytest.mark.parametrize("objects", ["s3://bucket", "file:///dev/null/x", "nonsense"])
def test_a_store_that_cannot_be_is_one_sentence_and_exit_code_2(objects: str) -> None:
    environ = {"PATH": os.environ["PATH"], "STREAM_FEED": "rsvps", "STREAM_OBJECTS": objects, "STREAM_PORT": "0"}
    ended = run_to_end([sys.executable, "-m", "meetup_stream"], environ)
    assert ended.code == 2
    assert ended.said.count("\n") == 1
    assert ended.said.startswith(f"STREAM_OBJECTS={objects}: ")


def test_a_stop_while_it_connects_is_a_clean_stop(start_stream: StartStream) -> None:
    stream = start_stream("http://127.0.0.1:9/2/rsvps")
    until(lambda: stream.get("/readyz").text.startswith("not connected: "), "the reason")
    assert stream.stop() == 0
    assert stream.events("stopped")


def test_a_stop_while_no_credentials_are_there_yet_is_heard(start_stream: StartStream) -> None:
    """google-auth's own tries at the metadata server of a cluster outlive a pod's grace."""
    nobody = f"127.0.0.1:{free_port()}"
    stream = start_stream(
        "http://127.0.0.1:9/2/rsvps",
        STREAM_OBJECTS="gs://bucket",
        KUBERNETES_SERVICE_HOST="10.0.0.1",
        GCE_METADATA_HOST=nobody,
        GCE_METADATA_IP=nobody,
    )
    until(lambda: stream.events("retry"), "a try that failed")
    assert stream.stop(seconds=25) == 0
    assert stream.events("stopped")


def test_probes_tell_an_outage_of_others_from_one_of_its_own(
    simulator: StartSimulator, start_stream: StartStream
) -> None:
    meetup = simulator("--rate", "50")
    stream = start_stream(meetup.stream_url("rsvps")).wait_ready()
    outage = meetup.faults.refuse(seconds=600, feed="rsvps", after=1)
    until(lambda: not stream.ready(), "the outage")
    assert stream.get("/livez").status_code == 200
    assert outage.fired == 1
    meetup.faults.clear()
    stream.wait_ready()


def test_a_store_that_vanishes_is_waited_for_and_nothing_is_lost(
    simulator: StartSimulator, start_stream: StartStream, stored: Stored
) -> None:
    meetup = simulator("--rate", "300", "--count", "900")
    stream = start_stream(meetup.stream_url("rsvps")).wait_ready()
    until(lambda: len(stored.objects()) > 50, "some records")
    aside = stored.directory.with_name("aside")
    stored.directory.rename(aside)
    until(lambda: "the object store is unavailable" in stream.get("/readyz").text, "the outage")
    assert stream.get("/livez").status_code == 200
    aside.rename(stored.directory)
    until(lambda: len(meetup.published("rsvps")) == 900, "all published")
    until(lambda: len(stored.objects()) == len(set(meetup.published("rsvps"))), "all stored")
    assert stored.bodies() == sorted(set(meetup.published("rsvps")))
    assert stream.metric("meetup_stream_retries_total", call="create") >= 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("part absent: the right to mount a tmpfs (run the tests as root, in a container of their own)")
    return place


@pytest.mark.faults
def test_a_stop_while_the_store_is_away_ends_in_time_and_calls_nobody(
    simulator: StartSimulator, start_stream: StartStream, stored: Stored, tmp_path: Path
) -> None:
    meetup = simulator("--rate=100")
    stream = start_stream(meetup.stream_url("rsvps")).wait_ready()
    until(lambda: bool(stored.objects()), "a first object")
    stored.directory.rename(tmp_path / "aside")
    until(lambda: not stream.ready(), "the outage to be noticed")
    assert stream.stop(60) == 0
    assert [entry for entry in stream.events() if entry["severity"] in ("ERROR", "CRITICAL")] == []
    assert "Traceback" not in stream.log.read_text()
    assert len(stream.events("stopped_unstored")) == 1


def test_a_full_disk_is_waited_for_and_nothing_is_lost(
    simulator: StartSimulator, start_stream: StartStream, small_disk: Path
) -> None:
    try:
        stored = Stored(small_disk / "objects", "rsvps")
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * 900_000)
        meetup = simulator("--rate", "300", "--count", "150")
        stream = start_stream(meetup.stream_url("rsvps"), STREAM_OBJECTS=f"file://{stored.directory}")
        until(lambda: "the object store is unavailable" in stream.get("/readyz").text, "the full disk")
        sizes = {len(body) for body in stored.bodies()}
        assert 0 not in sizes
        ballast.unlink()
        until(lambda: len(meetup.published("rsvps")) == 150, "all published")
        until(lambda: len(stored.objects()) == len(set(meetup.published("rsvps"))), "all stored")
        assert stored.bodies() == sorted(set(meetup.published("rsvps")))
        assert stream.stop() == 0
    finally:
        subprocess.run(["umount", "--lazy", small_disk], check=True)


def test_a_second_process_takes_the_feed_over_and_the_first_stands_back(
    simulator: StartSimulator, start_stream: StartStream, stored: Stored
) -> None:
    meetup = simulator("--rate", "100")
    first = start_stream(meetup.stream_url("rsvps")).wait_ready()
    second = start_stream(meetup.stream_url("rsvps")).wait_ready()
    until(lambda: "standby: another process" in first.get("/readyz").text, "the first to stand back")
    assert first.events("cursor_superseded")
    assert first.get("/livez").status_code == 200
    assert second.ready()
    assert first.stop() == 0
    assert second.stop() == 0
    stored_now = set(stored.bodies())
    assert stored_now <= set(meetup.published("rsvps"))
    assert len(stored_now) == len(stored.bodies())


def test_the_log_of_a_container_is_json_and_carries_the_feed(
    simulator: StartSimulator, start_stream: StartStream
) -> None:
    stream = start_stream(simulator("--rate", "10").stream_url("rsvps")).wait_ready()
    assert stream.stop() == 0
    lines = stream.log.read_text().splitlines()
    assert len(lines) == len(stream.events())
    assert {event["feed"] for event in stream.events()} == {"rsvps"}

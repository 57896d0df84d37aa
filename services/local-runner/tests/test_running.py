"""One ``meetup-local-runner`` with monitoring, and what can be seen while it runs."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from meetupkit.feeds import FEEDS
from runner import COMMAND, Runner, until

pytestmark = pytest.mark.timeout(400)  # nine processes start, and a machine may be busy


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """With monitoring if that is on this machine."""
    runner = Runner(tmp_path_factory.mktemp("running") / "data", "--monitoring", "--rate", "20")
    try:
        runner.wait_until_running()
        yield runner
    finally:
        runner.kill()


def test_a_stream_that_stands_still_shows_no_rate_until_it_goes_on(running: Runner) -> None:
    stream = running.children()["stream-rsvps"]
    stream.suspend()
    running.wait_for(r"rsvps \d+ \(no rate,[^)]* it does not answer\)")
    stream.resume()
    until(lambda: re.search(r"rsvps \d+ \([\d.]+/s[^)]*\)", running.out.splitlines()[-1]) is not None, "a rate")


def test_monitoring_runs_beside_the_pipeline_and_its_heartbeat_reaches_slack(running: Runner) -> None:
    for program in ("prometheus", "prometheus-alertmanager"):
        if shutil.which(program) is None:
            pytest.skip(f"part absent: {program}; apt-get install --no-install-recommends {program}")
    prometheus = running.wait_for(r"(?m)^prometheus: (http://[\d.:]+)/alerts")[1]

    def scraped() -> set[str]:
        query = {"query": 'up{job!="prometheus"} == 1'}
        found = requests.get(f"{prometheus}/api/v1/query", params=query, timeout=30).json()["data"]["result"]
        return {series["metric"]["job"] for series in found}

    until(lambda: scraped() == {"enricher", "alert-webhook", *(f"stream-{feed}" for feed in FEEDS)}, "each scraped")
    until(lambda: "Still watching" in running.messages(), "a heartbeat in Slack")


def test_a_second_runner_in_the_same_folder_is_refused_and_the_first_one_goes_on(running: Runner) -> None:
    second = subprocess.run([COMMAND, "--data", running.data], capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert "another meetup-local-runner runs there" in second.stderr
    assert running.process.poll() is None


@pytest.mark.faults
def test_a_pipeline_with_monitoring_stops_in_time(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "data", "--monitoring", "--rate", "20")
    try:
        runner.wait_until_running()
        assert runner.end_in_time(signal.SIGINT) == 0, runner.out
    finally:
        runner.kill()


@pytest.mark.faults
def test_a_pipeline_of_which_half_hangs_stops_in_time(tmp_path: Path) -> None:
    """Each that hangs is asked in vain for a second, and the last to be stopped has all the time there is."""
    runner = Runner(tmp_path / "data", "--rate", "20")
    try:
        runner.wait_until_running()
        children = runner.children()
        for name in ("simulator", "slack", "enricher", "stream-rsvps"):
            children[name].suspend()
        assert runner.end_in_time(signal.SIGINT) == 0, runner.out
        assert "simulator was killed before" in runner.out
    finally:
        runner.kill()

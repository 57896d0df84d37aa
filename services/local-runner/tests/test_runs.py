"""``meetup-local-runner`` as a person runs it: real processes, real stores, and what is left of them."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import psutil
import pytest
import requests
from meetup_testkit.emulators.pytest_plugin import Bucket, FirestoreProject
from meetupkit.feeds import FEEDS
from meetupkit.stores import open_documents, open_objects
from meetupkit.stores.objects import ObjectStore

COMMAND: Final = Path(sys.executable).with_name("meetup-local-runner")
WAIT_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0
"""What a person is promised."""


class Runner:
    """A running ``meetup-local-runner`` without a terminal."""

    def __init__(self, data: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self.data = data
        self._out = data.with_suffix(".out")
        with self._out.open("wb") as out:
            self.process = psutil.Popen(
                [COMMAND, "--data", data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environ,
                cwd=Path(__file__).parents[3],
            )

    @property
    def out(self) -> str:
        """All it has printed."""
        return self._out.read_text()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed something like that."""
        until(lambda: re.search(pattern, self.out) is not None or self.process.poll() is not None)
        found = re.search(pattern, self.out)
        assert found, self.out
        return found

    def wait_until_running(self) -> None:
        """Wait until everything is ready."""
        self.wait_for(r"(?m)^0:\d\d  open_events ")

    def end(self, number: signal.Signals | None = None, *, within: float = WAIT_SECONDS) -> int:
        """Its exit code, after that signal; ``TimeoutExpired`` if it takes longer."""
        if number is not None:
            self.process.send_signal(number)
        return int(self.process.wait(timeout=within))

    def kill(self) -> None:
        """End it now; its children go with it, which a test of its own shows."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def children(self) -> dict[str, psutil.Process]:
        """Its processes, by the name of their log."""
        return {Path(f"/proc/{child.pid}/fd/1").readlink().stem: child for child in self.process.children()}

    def published(self, feed: str) -> set[bytes]:
        """The records that the simulator has sent so far."""
        simulator = self.wait_for(r"(?m)^simulator: (http://[\d.:]+)/")[1]
        answer = requests.get(f"{simulator}/published?feed={feed}", timeout=30)
        assert answer.ok
        return set(filter(None, answer.content.split(b"\n")))

    def messages(self) -> str:
        """All that the stand-in for Slack holds, as JSON text."""
        slack = self.wait_for(r"(?m)^slack: (http://[\d.:]+)/")[1]
        return requests.get(f"{slack}/messages", timeout=30).text

    def stored(self, feed: str) -> dict[str, bytes]:
        """The feed's records on the disk, by name."""
        return {path.name: path.read_bytes() for path in (self.data / "objects" / feed).glob("[!_.]*.json")}

    def summary(self) -> dict[str, list[int]]:
        """The numbers of the table at the end, by feed: records, duplicates, rejected, restarts."""
        rows = re.findall(r"(?m)^([a-z_]+) +([\d, ]+?) *$", self.out.partition("\nAfter ")[2])
        return {feed: [int(cell.replace(",", "")) for cell in cells.split()] for feed, cells in rows}


Start = Callable[..., Runner]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts runners, and leaves nothing of them behind."""
    with ExitStack() as stack:

        def make(*arguments: str, data: str = "data", environ: Mapping[str, str] | None = None) -> Runner:
            runner = Runner(tmp_path / data, *arguments, environ=environ)
            stack.callback(runner.kill)
            return runner

        yield make


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """One that runs, with monitoring if that is on this machine; the last of its tests stops it."""
    runner = Runner(tmp_path_factory.mktemp("running") / "data", "--monitoring", "--rate", "20")
    try:
        runner.wait_until_running()
        yield runner
    finally:
        runner.kill()


def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come about"
        time.sleep(0.05)


def count(url: str, *collections: str) -> int:
    """How many documents the collections hold."""
    store = open_documents(url)
    try:
        return sum(store.count(collection) for collection in collections)
    finally:
        store.close()


def test_a_run_stores_every_feed_and_its_table_says_what_is_on_the_disk_and_the_next_run_goes_on(start: Start) -> None:
    first = start("--seconds", "3", "--rate", "20")
    assert first.end() == 0, first.out

    assert {feed: cells[0] for feed, cells in first.summary().items()} == {
        feed: len(first.stored(feed)) for feed in FEEDS
    }
    counted = re.search(r"([\d,]+) profiles stored, none for ([\d,]+) ids", first.out)
    assert counted
    documents = f"sqlite:///{first.data}/documents.sqlite"
    assert int(counted[1].replace(",", "")) == count(documents, "members", "groups")
    assert int(counted[2].replace(",", "")) == count(documents, "members_missing", "groups_missing")

    kept = {feed: first.stored(feed) for feed in FEEDS}
    second = start("--seconds", "2", "--rate", "20")
    assert second.end() == 0, second.out

    assert all(kept[feed].items() <= second.stored(feed).items() for feed in FEEDS)
    assert (second.data / "logs" / "enricher.log.1").exists()
    for log in (second.data / "logs").glob("stream-*.log*"):
        assert "possible gap" not in log.read_text(), "the stand-in had forgotten what it had sent"


def test_a_killed_stream_is_a_message_and_comes_back_and_loses_nothing_and_ctrl_c_stops_everything_in_time(
    start: Start,
) -> None:
    runner = start("--rate", "50")
    runner.wait_until_running()
    before = runner.children()

    before["stream-rsvps"].kill()
    runner.wait_for(r"rsvps \d+ \([^)]*restarted once\)")
    until(lambda: "RESOLVED: " in runner.messages() and "stream-rsvps: down (signal 9)" in runner.messages())
    published = runner.published("rsvps")
    until(lambda: published <= set(runner.stored("rsvps").values()))

    family = list({**before, **runner.children()}.values())
    assert runner.end(signal.SIGINT, within=STOP_SECONDS) == 0
    assert not [process for process in family if process.is_running()]
    assert runner.summary()["rsvps"][3] == 1
    assert re.search("stopping the streams.*\n(.*\n)*stopping enricher.*\n(.*\n)*stopping simulator", runner.out)
    assert "was killed" not in runner.out


def test_a_stream_that_stands_still_shows_no_rate_until_it_goes_on(running: Runner) -> None:
    stream = running.children()["stream-rsvps"]
    stream.suspend()
    running.wait_for(r"rsvps \d+ \(no rate,[^)]* it does not answer\)")
    stream.resume()
    until(lambda: re.search(r"rsvps \d+ \([\d.]+/s[^)]*\)", running.out.splitlines()[-1]) is not None)


def test_monitoring_runs_beside_the_pipeline_and_its_heartbeat_reaches_slack(running: Runner) -> None:
    for program in ("prometheus", "prometheus-alertmanager"):
        if shutil.which(program) is None:
            pytest.skip(f"part absent: {program}; apt-get install --no-install-recommends {program}")
    prometheus = running.wait_for(r"(?m)^prometheus: (http://[\d.:]+)/alerts")[1]

    def scraped() -> set[str]:
        query = {"query": 'up{job!="prometheus"} == 1'}
        found = requests.get(f"{prometheus}/api/v1/query", params=query, timeout=30).json()["data"]["result"]
        return {series["metric"]["job"] for series in found}

    until(lambda: scraped() == {"enricher", "alert-webhook", *(f"stream-{feed}" for feed in FEEDS)})
    until(lambda: "Still watching" in running.messages())


def test_a_second_runner_in_the_same_folder_is_refused_and_the_first_one_goes_on(running: Runner) -> None:
    second = subprocess.run([COMMAND, "--data", running.data], capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert "another meetup-local-runner runs there" in second.stderr
    assert running.process.poll() is None


def test_a_pipeline_with_monitoring_stops_in_time(running: Runner) -> None:
    assert running.end(signal.SIGINT, within=STOP_SECONDS) == 0, running.out


def test_nothing_outlives_a_runner_that_is_killed(start: Start) -> None:
    runner = start()
    runner.wait_until_running()
    family = list(runner.children().values())
    assert len(family) >= 7

    runner.process.kill()

    _, alive = psutil.wait_procs(family, timeout=WAIT_SECONDS)
    assert not alive


def test_monitoring_that_is_not_there_is_said_and_does_not_hold_up_the_pipeline(start: Start) -> None:
    runner = start("--monitoring", "--seconds", "3", "--rate", "20", environ={"PATH": "/nowhere"})
    assert runner.end() == 0, runner.out
    assert "without monitoring, not on this machine: apt-get install" in runner.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--objects", "file:///dev/null"], "/dev/null is not a directory"),
        (["--documents", "sqlite:////no/such/folder/file"], "/no/such/folder/file cannot be opened"),
    ],
)
def test_a_store_that_is_refused_is_one_clear_line_and_exit_code_2(
    start: Start, arguments: list[str], said: str
) -> None:
    runner = start(*arguments)

    assert runner.end() == 2
    last = runner.out.splitlines()[-1]
    assert last.startswith("meetup-local-runner: ")
    assert said in last
    assert "Traceback" not in runner.out


def test_on_a_terminal_there_is_one_table_that_stays_in_its_place(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(COMMAND, [str(COMMAND), "--data", str(tmp_path / "data")])
    shown = b""

    def read(expected: bytes | None) -> bool:
        """Whether that was shown; with ``None``, whether nothing more can be."""
        nonlocal shown
        while select.select([terminal], [], [], 0)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:  # EIO: nobody holds the other end any more
                return True
        return expected is not None and expected in shown

    until(lambda: read(b"running 0:03"))
    os.write(terminal, b"\x03")
    until(lambda: read(None))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)

    plain = re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|\]8;[^\x1b]*\x1b\\)", "", shown.decode())
    assert code == 0
    assert re.search(r"Meetup Analysis\s+objects +file://\S+\s+documents +sqlite:///\S+\s+logs +\S+\s+metrics", plain)
    assert re.search(r"● rsvps +\d+ +[\d.]+ +[\d.]+ m?s +\d+ +\d+ +\d+", plain)
    assert "every feed stored records, and profiles arrived" in plain


def holds_records(objects: ObjectStore, feed: str) -> bool:
    return any("/_" not in name for name in objects.names(f"{feed}/"))


def test_the_same_processes_run_on_google_s_back_ends(
    start: Start, cloud_storage: Bucket, firestore: FirestoreProject
) -> None:
    runner = start("--objects", cloud_storage.url, "--documents", firestore.url)
    objects = open_objects(cloud_storage.url)
    try:
        for feed in FEEDS:
            until(partial(holds_records, objects, feed))
    finally:
        objects.close()
    until(lambda: count(firestore.url, "members") > 0 and count(firestore.url, "groups") > 0)

    assert runner.end(signal.SIGTERM, within=STOP_SECONDS) == 0

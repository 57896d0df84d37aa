"""``meetup-local-runner`` as a person runs it: real processes, real stores, and what is left of them."""

import os
import pty
import re
import select
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil
import pytest
from meetup_testkit.emulators.pytest_plugin import Bucket, FirestoreProject
from meetupkit.feeds import FEEDS
from meetupkit.stores import open_documents, open_objects
from meetupkit.stores.objects import ObjectStore
from runner import COMMAND, STOP_SECONDS, WAIT_SECONDS, Runner, until

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

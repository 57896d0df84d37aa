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
from runner import ARRIVED, COMMAND, WAIT_SECONDS, Runner, until

pytestmark = pytest.mark.timeout(400)  # eight processes start, and a machine may be busy
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


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A run of three seconds, on a machine where none of the programs of monitoring is found."""
    options = ("--monitoring", "--seconds", "3", "--rate", "20")
    runner = Runner(tmp_path_factory.mktemp("ended") / "data", *options, environ={"PATH": "/nowhere"})
    try:
        runner.end()
        yield runner
    finally:
        runner.kill()


def test_a_run_of_some_seconds_ends_by_itself_and_its_table_says_what_is_on_the_disk(ended: Runner) -> None:
    """On a machine that stands still, three seconds bring little: then that is said, and is the exit code."""
    assert ended.process.wait() == (0 if ARRIVED in ended.out else 1), ended.out
    shown = {feed: cells[0] for feed, cells in ended.summary().items()}
    stored = {feed: len(ended.stored(feed)) for feed in FEEDS}
    killed = {name.removeprefix("stream-") for name in re.findall(r"(\S+) was killed before", ended.out)}
    assert {feed: shown[feed] for feed in FEEDS if feed not in killed} == {
        feed: stored[feed] for feed in FEEDS if feed not in killed
    }
    counted = re.search(r"([\d,]+) profiles stored, none for ([\d,]+) ids", ended.out)
    assert counted
    if "enricher" not in killed:
        documents = f"sqlite:///{ended.data}/documents.sqlite"
        assert int(counted[1].replace(",", "")) == count(documents, "members", "groups")
        assert int(counted[2].replace(",", "")) == count(documents, "members_missing", "groups_missing")


def test_monitoring_that_is_not_there_is_said_and_does_not_hold_up_the_pipeline(ended: Runner) -> None:
    assert "without monitoring, not on this machine: apt-get install" in ended.out
    assert "\nAfter 0:0" in ended.out


def test_the_next_run_goes_on_where_the_last_one_ended_and_nothing_outlives_it_when_it_is_killed(ended: Runner) -> None:
    kept = {feed: ended.stored(feed) for feed in FEEDS}
    second = Runner(ended.data, "--rate", "20")
    try:
        second.wait_until_running()
        until(lambda: all(second.stored(feed).keys() > kept[feed].keys() for feed in FEEDS), "new records of each feed")
        family = list(second.children().values())
        assert len(family) >= 7
    finally:
        second.kill()

    _, alive = psutil.wait_procs(family, timeout=WAIT_SECONDS)
    assert not alive
    assert all(kept[feed].items() <= second.stored(feed).items() for feed in FEEDS)
    assert (second.data / "logs" / "enricher.log.1").exists()
    for log in (second.data / "logs").glob("stream-*.log*"):
        assert "possible gap" not in log.read_text(), "the stand-in had forgotten what it had sent"


@pytest.mark.faults
def test_a_killed_stream_is_a_message_and_comes_back_and_loses_nothing_and_ctrl_c_stops_everything_in_time(
    start: Start,
) -> None:
    runner = start("--rate", "50")
    runner.wait_until_running()
    before = runner.children()

    before["stream-rsvps"].kill()
    runner.wait_for(r"rsvps \d+ \([^)]*restarted once\)")
    told = ("RESOLVED: ", "stream-rsvps: down (signal 9)")
    until(lambda: all(text in runner.messages() for text in told), "the message that it was down and its end")
    published = runner.published("rsvps")
    until(lambda: published <= set(runner.stored("rsvps").values()), "every rsvp that was published")

    family = list({**before, **runner.children()}.values())
    assert runner.end_in_time(signal.SIGINT) == 0
    assert not [process for process in family if process.is_running()]
    assert runner.summary()["rsvps"][3] == 1
    assert re.search("stopping the streams.*\n(.*\n)*stopping enricher.*\n(.*\n)*stopping simulator", runner.out)
    assert runner.had_to_wait or "was killed" not in runner.out


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


def plain_text(shown: bytes) -> str:
    """Without what moves the cursor and colours."""
    return re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|\]8;[^\x1b]*\x1b\\)", "", shown.decode(errors="replace"))


def shows_all(plain: str) -> bool:
    """Whether every feed was shown with records, a rate and a lag, and the enricher with profiles."""
    rows = (rf"● {feed} +[1-9][\d,]* +[\d.]+ +[\d.]+ m?s +[\d,]+ +[\d,]+ +\d+" for feed in FEEDS)
    return all(re.search(row, plain) for row in (*rows, "profiles [1-9]"))


def test_on_a_terminal_there_is_one_table_that_stays_in_its_place(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(COMMAND, [str(COMMAND), "--data", str(tmp_path / "data")])
    shown = b""

    def is_over() -> bool:
        """Take in what is shown; whether nothing more can be."""
        nonlocal shown
        while select.select([terminal], [], [], 0)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:  # EIO: nobody holds the other end any more
                return True
        return False

    until(lambda: is_over() or shows_all(plain_text(shown)), "a table with figures of every feed")
    os.write(terminal, b"\x03")
    until(is_over, "the end of the terminal")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)

    plain = plain_text(shown)
    assert code == 0
    assert re.search(r"Meetup Analysis\s+objects +file://\S+\s+documents +sqlite:///\S+\s+logs +\S+\s+metrics", plain)
    assert ARRIVED in plain


def holds_records(objects: ObjectStore, feed: str) -> bool:
    return any("/_" not in name for name in objects.names(f"{feed}/"))


def test_the_same_processes_run_on_google_s_back_ends(
    start: Start, cloud_storage: Bucket, firestore: FirestoreProject
) -> None:
    runner = start("--objects", cloud_storage.url, "--documents", firestore.url)
    objects = open_objects(cloud_storage.url)
    try:
        for feed in FEEDS:
            until(partial(holds_records, objects, feed), f"records of {feed}")
    finally:
        objects.close()
    until(lambda: count(firestore.url, "members") > 0 and count(firestore.url, "groups") > 0, "profiles")

    assert runner.end(signal.SIGTERM) == 0

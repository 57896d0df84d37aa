"""A world that is kept goes on after a stop: what was sent is still there, and what happened meanwhile is made up."""

import json
from pathlib import Path

import pytest
from meetup_simulator.made_up.generators import GENERATORS, generated
from meetup_simulator.made_up.generators.clock import Pause
from meetup_simulator.made_up.world import World
from meetup_simulator.streams.continuation import Continuation
from meetup_simulator.streams.timeline import at_path
from meetupkit.feeds import FEEDS

EPOCH = 1_795_464_000_000


def kept(folder: Path, *, seed: int = 1, epoch: int = EPOCH, backlog: int = 10) -> Continuation:
    return Continuation(folder, seed=seed, epoch=epoch, backlog=backlog)


def test_what_was_sent_is_there_at_the_next_start_and_the_world_began_when_it_began(tmp_path: Path) -> None:
    kept(tmp_path).write("rsvps", [b"a", b"b"])
    again = kept(tmp_path, epoch=EPOCH + 5)
    assert (again.lines("rsvps"), again.lines("photos"), again.epoch) == ([b"a", b"b"], [], EPOCH)


@pytest.mark.parametrize("tail", [b"cut", b'{"a', b"\xff"])
def test_a_line_that_a_kill_has_cut_is_none_and_does_not_spoil_the_next(tmp_path: Path, tail: bytes) -> None:
    kept(tmp_path).write("rsvps", [b"a"])
    with (tmp_path / "rsvps.ndjson").open("ab") as file:
        file.write(tail)
    again = kept(tmp_path)
    assert again.lines("rsvps") == [b"a"]
    again.write("rsvps", [b"b"])
    assert kept(tmp_path).lines("rsvps") == [b"a", b"b"]


@pytest.mark.parametrize("about", [b"", b"{", b"[]", b"null", b'{"seed": 1}', b'{"seed": 1, "epoch": "x"}', b"\xff"])
def test_a_damaged_world_is_begun_anew(tmp_path: Path, about: bytes) -> None:
    kept(tmp_path).write("rsvps", [b"a"])
    (tmp_path / "world.json").write_bytes(about)
    again = kept(tmp_path, epoch=EPOCH + 5)
    assert (again.lines("rsvps"), again.epoch) == ([], EPOCH + 5)


def test_another_seed_is_another_world(tmp_path: Path) -> None:
    kept(tmp_path).write("rsvps", [b"a"])
    assert kept(tmp_path, seed=2).lines("rsvps") == []


def test_a_long_run_keeps_its_backlog_and_no_more(tmp_path: Path) -> None:
    world = kept(tmp_path, backlog=10)
    for number in range(1000):
        world.write("rsvps", [b"%d" % number])
    assert len((tmp_path / "rsvps.ndjson").read_bytes().splitlines()) <= 31
    assert kept(tmp_path).lines("rsvps") == [b"%d" % number for number in range(990, 1000)]


def test_without_a_folder_nothing_is_kept() -> None:
    world = Continuation(None, seed=1, epoch=EPOCH, backlog=10)
    world.write("rsvps", [b"a"])
    assert (world.lines("rsvps"), world.epoch) == ([], EPOCH)


def test_a_folder_that_is_lost_ends_the_keeping_and_not_the_feed(tmp_path: Path) -> None:
    world = kept(tmp_path / "world")
    for file in (tmp_path / "world").iterdir():
        file.unlink()
    (tmp_path / "world").rmdir()
    world.write("rsvps", [b"a"])
    world.write("rsvps", [b"b"])


@pytest.mark.parametrize("feed", GENERATORS)
@pytest.mark.parametrize(("records", "seconds"), [(0, 5), (1, 1), (50, 5), (2500, 86_400)])
def test_the_records_of_a_pause_lie_in_it_and_the_live_ones_behind(feed: str, records: int, seconds: int) -> None:
    since = EPOCH - seconds * 1000
    source = generated(feed, World(1), start=EPOCH, rate=10, pause=Pause(records, since), before=70)
    lines = [next(source) for _ in range(records + 20)]
    mtimes = [at_path(line, FEEDS[feed].mtime_path) for line in lines]
    assert all(isinstance(mtime, int) for mtime in mtimes)
    assert max(mtimes[:records], default=since) < EPOCH + 1000
    assert max(mtimes[records:]) >= EPOCH
    assert sum(since < mtime for mtime in mtimes) > 0.5 * len(mtimes)


def test_numbers_go_on_behind_those_of_the_former_start() -> None:
    former = [next(source) for source in [generated("rsvps", World(1), start=EPOCH, rate=10)] for _ in range(200)]
    later = generated("rsvps", World(1), start=EPOCH, rate=10, pause=Pause(0, EPOCH), before=200)
    ids = {json.loads(line)["rsvp_id"] for line in former}
    assert json.loads(next(later))["rsvp_id"] > max(ids)

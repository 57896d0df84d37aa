"""Rows in tables equal what an independent reading of the raw lines says, however the objects lie and came."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.loading.ledger import load_ledgers
from meetup_insight.loading.objects import Reader
from meetup_insight.loading.profiles import ProfileLoader
from meetup_insight.loading.record_loader import Loaded, load_records
from meetup_insight.loading.zones import load_zones, offsets, zone_of
from meetup_insight.schema import FEED_TABLES, STAGING
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse
from meetupkit.feeds import FEEDS
from meetupkit.stores import open_documents, open_objects
from meetupkit.stores.documents.protocol import Delete, Put

from services.insight.tests.conftest import KEY, Store, lines_of

SHARED = Path(__file__).parents[4] / "shared" / "data"
RECORDED = sorted((*SHARED.glob("recorded/*.ndjson.gz"), *SHARED.glob("derived/*.ndjson.gz")))


def load(store: Store, file: Path, forgotten: frozenset[str] = frozenset()) -> tuple[DuckDbWarehouse, Loaded]:
    warehouse = DuckDbWarehouse(file)
    warehouse.prepare()
    reader = Reader(open_objects(store.url), threading.Event())
    loaded = load_records(warehouse, reader, {}, MemberHash(KEY), forgotten, lambda: None)
    load_ledgers(warehouse, reader, {})
    load_zones(warehouse)
    return warehouse, loaded


def contents(warehouse: DuckDbWarehouse) -> dict[str, list[tuple[object, ...]]]:
    return {table.name: warehouse.rows(f'SELECT * FROM "{table.name}" ORDER BY ALL') for table in STAGING}


def counted(feed: str, lines: list[bytes]) -> tuple[Counter[str], dict[str, tuple[int, str]]]:
    """By another reader: different lines by day of their mtime, and the newest of each id."""
    row = FEEDS[feed]
    days: Counter[str] = Counter()
    newest: dict[str, tuple[int, str]] = {}
    for line in set(lines):
        record = json.loads(line)
        days[datetime.fromtimestamp(record["mtime"] / 1000, UTC).date().isoformat()] += 1
        record_id = str(record[row.id_path[0]])
        newest[record_id] = max(newest.get(record_id, (0, "")), (record["mtime"], ""))
    return days, newest


def assert_holds(warehouse: DuckDbWarehouse, feed: str, lines: list[bytes]) -> None:
    (table,) = (each for each in FEED_TABLES if each.feed.name == feed)
    days, newest = counted(feed, lines)
    rows = warehouse.rows(
        f"SELECT CAST(CAST(mtime AS DATE) AS VARCHAR), count(*) FROM {table.versions.name} GROUP BY 1"
    )
    assert dict(rows) == dict(days)
    key = table.newest.key[0]
    found = warehouse.rows(f"SELECT CAST({key} AS VARCHAR), epoch_ms(mtime) FROM {table.newest.name}")
    assert dict(found) == {record: mtime for record, (mtime, _) in newest.items()}


@pytest.mark.parametrize("feed", list(FEEDS))
def test_rows_equal_an_independent_count_in_both_layouts_and_in_a_mix(feed: str, store: Store, tmp_path: Path) -> None:
    lines = lines_of(feed, 300)
    store.put_records(feed, lines[:200])
    store.put_segment(feed, "2017-03-19/12/aa", lines[100:])
    warehouse, _ = load(store, tmp_path / "w.duckdb")
    assert_holds(warehouse, feed, lines)
    read = warehouse.rows("SELECT CAST(sum(records) AS BIGINT) FROM records_read")
    assert read == [(len(set(lines[:200])) + 200,)]


@pytest.mark.parametrize(
    ("feed", "file"),
    [(feed, file) for file in RECORDED for feed in FEEDS if file.name.startswith(feed)],
    ids=lambda each: getattr(each, "name", ""),
)
def test_rows_equal_an_independent_count_of_every_recording(
    feed: str, file: Path, store: Store, tmp_path: Path
) -> None:
    lines = [line for line in gzip.decompress(file.read_bytes()).split(b"\n") if line]
    store.put_segment(feed, "2017-03-19/12/aa", lines)
    warehouse, _ = load(store, tmp_path / "w.duckdb")
    assert_holds(warehouse, feed, lines)
    assert warehouse.rows("SELECT count(*) FROM rejects") == [(0,)]
    assert warehouse.rows("SELECT count(*) FROM unreadable_fields") == [(0,)]


@pytest.mark.skipif(not RECORDED, reason="../shared/data is absent")
def test_every_recorded_profile_is_a_row(store: Store, tmp_path: Path) -> None:
    documents = open_documents(f"sqlite:///{tmp_path}/d.sqlite")
    expected = {}
    for kind, file in (("members", "derived/members_v2_from_v1"), ("groups", "recorded/groups")):
        profiles = [
            json.loads(line)
            for line in gzip.decompress((SHARED / f"{file}.ndjson.gz").read_bytes()).split(b"\n")
            if line
        ]
        expected[kind] = len({profile["id"] for profile in profiles})
        for start in range(0, len(profiles), 400):
            documents.commit(
                [
                    Put(kind, f"m{each['id']}", {"id": each["id"], "fetched_at": 1, "profile": each})
                    for each in {each["id"]: each for each in profiles[start : start + 400]}.values()
                ]
            )
    warehouse = DuckDbWarehouse(tmp_path / "w.duckdb")
    warehouse.prepare()
    loader = ProfileLoader(warehouse, documents, MemberHash(KEY), frozenset(), threading.Event())
    assert loader.load(lambda: None) == sum(expected.values())
    assert warehouse.count("member_profiles") == expected["members"]
    assert warehouse.count("group_profiles") == expected["groups"]
    assert loader.load(lambda: None) == 0
    assert warehouse.rows("SELECT * FROM unreadable_fields") == []
    documents.close()


def test_incremental_loads_in_any_order_give_what_one_load_from_scratch_gives(store: Store, tmp_path: Path) -> None:
    """Each of five loads finds three of fifteen parts, of whichever feeds; what comes later may be older."""
    dice = random.Random(3)
    lines = {feed: lines_of(feed, 120) for feed in FEEDS}
    for each in lines.values():
        dice.shuffle(each)
    parts = [(feed, part) for feed in FEEDS for part in range(3)]
    dice.shuffle(parts)
    for at, (feed, part) in enumerate(parts, start=1):
        store.put_records(feed, lines[feed][part * 30 : part * 30 + 40])
        store.put_segment(feed, f"2017-03-19/1{part}/{part}", lines[feed][part * 40 : part * 40 + 40])
        if at % 3 == 0:
            warehouse, _ = load(store, tmp_path / "incremental.duckdb")
            warehouse.close()
    incremental, loaded = load(store, tmp_path / "incremental.duckdb")
    assert loaded == Loaded(0, 0)
    scratch, _ = load(store, tmp_path / "scratch.duckdb")
    assert contents(incremental) == contents(scratch)


KILLED = """
import os, signal, sys, threading
from pathlib import Path
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.loading.objects import Reader
from meetup_insight.loading.record_loader import load_records
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse
from meetupkit.stores import open_objects
warehouse = DuckDbWarehouse(Path(sys.argv[1]))
warehouse.prepare()
left = [int(sys.argv[3])]
def moving():
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
reader = Reader(open_objects(sys.argv[2]), threading.Event())
load_records(warehouse, reader, {}, MemberHash(sys.argv[4]), frozenset(), moving)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, list[tuple[object, ...]]]]:
    """A store, which is only read, and what one load that nothing ends makes of it."""
    folder = tmp_path_factory.mktemp("whole")
    store = Store(folder / "objects")
    for feed in FEEDS:
        lines = lines_of(feed, 60)
        store.put_records(feed, lines[:40])
        store.put_segment(feed, "2017-03-19/12/aa", lines[20:])
    warehouse, _ = load(store, folder / "w.duckdb")
    found = contents(warehouse)
    warehouse.close()
    return store, found


@pytest.mark.parametrize("batches", [1, 3, 5])
def test_a_load_that_is_killed_and_repeated_gives_the_same_tables(
    batches: int, whole: tuple[Store, dict[str, list[tuple[object, ...]]]], tmp_path: Path
) -> None:
    store, expected = whole
    file = tmp_path / "killed.duckdb"
    arguments = [sys.executable, "-c", KILLED, str(file), store.url, str(batches), KEY]
    killed = subprocess.run(arguments, check=False, capture_output=True, env=dict(os.environ), timeout=100)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    repeated, loaded = load(store, file)
    assert loaded.objects > 0 or batches == len(FEEDS)
    assert contents(repeated) == expected


def test_what_is_no_record_is_counted_by_reason_and_ends_nothing(store: Store, tmp_path: Path) -> None:
    good = lines_of("rsvps", 5)
    bad = {
        b"nothing": "not_json",
        b"": "not_json",
        b"[1]": "not_an_object",
        b'{"errors":[]}': "errors",
        b'{"mtime":1}': "no_id",
        b'{"rsvp_id":"12","mtime":1}': "bad_id",
        b'{"rsvp_id":1}': "no_mtime",
        b'{"rsvp_id":1,"mtime":-4}': "bad_mtime",
        b"\xff\xfe": "not_json",
    }
    store.put_segment("rsvps", "2017-03-19/12/aa", [*good[:2], *bad, *good[2:]])
    store.put("rsvps/_rejected/not_json_" + "a" * 32 + ".json", b"{}")
    store.put("rsvps/notes.txt", b"whose?")
    store.put("rsvps/1_2.json", b"")
    warehouse, _ = load(store, tmp_path / "w.duckdb")
    assert_holds(warehouse, "rsvps", good)
    expected = Counter({**Counter(bad.values()), "unknown_object": 1})
    expected["not_json"] += 2
    rows = warehouse.rows("SELECT reason, CAST(sum(times) AS BIGINT) FROM rejects GROUP BY 1")
    assert dict(rows) == dict(expected)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_half_written_segment_gives_nothing_and_is_read_again_when_it_is_whole(
    share: float, store: Store, tmp_path: Path
) -> None:
    lines = lines_of("rsvps", 200)
    whole = gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)
    file = store.folder / "rsvps/2017-03-19/12/aa.ndjson.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(whole[: int(len(whole) * share)])
    warehouse, _ = load(store, tmp_path / "w.duckdb")
    assert warehouse.rows("SELECT reason FROM rejects") == [("broken_segment",)]
    assert_holds(warehouse, "rsvps", [])
    warehouse.close()
    file.write_bytes(whole)
    warehouse, _ = load(store, tmp_path / "w.duckdb")
    assert_holds(warehouse, "rsvps", lines)
    assert warehouse.rows("SELECT count(*) FROM rejects") == [(0,)]
    assert warehouse.rows("SELECT CAST(sum(records) AS BIGINT) FROM records_read") == [(len(lines),)]


def test_a_value_that_no_column_holds_is_counted_and_its_record_is_kept(store: Store, tmp_path: Path) -> None:
    record = json.loads(lines_of("rsvps", 1)[0])
    record["guests"] = {"many": True}
    record["venue"] = {"venue_id": 5, "lat": 999, "lon": "12.5"}
    record["member"]["member_id"] = str(record["member"]["member_id"])
    record["group"]["group_topics"] = [{"urlkey": "good"}, 7]
    store.put_segment("rsvps", "2017-03-19/12/aa", [json.dumps(record).encode()])
    warehouse, _ = load(store, tmp_path / "w.duckdb")
    fields = [field for (field,) in warehouse.rows("SELECT field FROM unreadable_fields ORDER BY 1")]
    assert fields == ["guests", "latitude", "topics"]
    ((guests, member, venue),) = warehouse.rows("SELECT guests, member, venue_id FROM rsvps")
    assert (guests, venue) == (None, 5)
    assert member == MemberHash(KEY)(int(record["member"]["member_id"]))
    assert warehouse.rows("SELECT longitude FROM venues_seen") == [(12.5,)]
    assert warehouse.rows("SELECT topic FROM group_topics_seen") == [("good",)]


def test_no_number_of_a_member_and_no_text_of_a_person_is_in_the_warehouse(store: Store, tmp_path: Path) -> None:
    lines = [line for feed in FEEDS for line in lines_of(feed, 40)]
    for feed in FEEDS:
        store.put_records(feed, lines_of(feed, 40))
    members = {json.loads(line).get("member", {}).get("member_id") for line in lines} - {None, 0}
    names = {json.loads(line).get("member", {}).get("member_name") for line in lines} - {None}
    warehouse, _ = load(store, tmp_path / "w.duckdb")
    cells = {str(cell) for rows in contents(warehouse).values() for row in rows for cell in row}
    assert members
    assert not {str(member) for member in members} & cells
    assert names
    assert not names & cells


def test_profiles_that_change_or_go_change_or_go_here(store: Store, tmp_path: Path) -> None:
    documents = open_documents(f"sqlite:///{tmp_path}/d.sqlite")
    profile = {"id": 5, "country": "us", "topics": [{"urlkey": "chess", "name": "Chess", "id": 1}], "name": "Somebody"}
    documents.commit(
        [Put("members", "m5", {"id": 5, "fetched_at": 1, "profile": profile}), Put("members", "m6", {"id": 6})]
    )
    warehouse = DuckDbWarehouse(tmp_path / "w.duckdb")
    warehouse.prepare()
    loader = ProfileLoader(warehouse, documents, MemberHash(KEY), frozenset(), threading.Event())
    assert loader.load(lambda: None) == 1
    documents.commit([Put("members", "m5", {"id": 5, "fetched_at": 2, "profile": {**profile, "country": "de"}})])
    assert loader.load(lambda: None) == 1
    assert warehouse.rows("SELECT country FROM member_profiles") == [("de",)]
    assert warehouse.rows("SELECT topic, topic_id FROM member_profile_topics") == [("chess", 1)]
    documents.commit([Delete("members", "m5")])
    loader.load(lambda: None)
    assert warehouse.count("member_profiles") == warehouse.count("member_profile_topics") == 0
    documents.close()


def test_the_ledger_s_gaps_are_rows_and_a_damaged_day_is_none(store: Store, tmp_path: Path) -> None:
    entry = {"opened_at": "2017-03-19T12:00:00+00:00", "received": 3, "stored": 2, "duplicate": 1, "rejected": 0}
    gap = {**entry, "overlap": False, "mtime_before": 1489925470000, "first_mtime": 1489929470000}
    day = {"saved_at": "x", "connections": [{**entry, "overlap": True}, gap, 5]}
    store.put("rsvps/_ledger/2017-03-19", json.dumps(day).encode())
    store.put("photos/_ledger/2017-03-19", b"{half")
    warehouse, _ = load(store, tmp_path / "w.duckdb")
    rows = warehouse.rows("SELECT feed, overlap, received, epoch_ms(gap_to) FROM connections ORDER BY number")
    assert rows == [("rsvps", True, 3, None), ("rsvps", False, 3, 1489929470000)]


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        (("US/Pacific", "US", 0.0, 0.0), "US/Pacific"),
        ((None, "us", 40.75, -73.99), "America/New_York"),
        ((None, "us", 34.05, -118.2), "America/Los_Angeles"),
        ((None, "gb", None, None), "Europe/London"),
        (("nowhere", "tw", 25.0, 121.5), "Asia/Taipei"),
        ((None, "us", None, None), None),
        ((None, None, 1.0, 1.0), None),
    ],
)
def test_a_group_s_zone_is_its_profile_s_or_that_of_the_nearest_city(
    place: tuple[object, ...], zone: str | None
) -> None:
    assert zone_of(*place) == zone


def test_offsets_change_when_the_zone_s_clocks_do() -> None:
    changes = {start: minutes for _, start, _, minutes in offsets("Europe/Berlin")}
    assert changes[int(datetime(2017, 3, 26, 1, tzinfo=UTC).timestamp() * 1000)] == 120
    assert changes[int(datetime(2017, 10, 29, 1, tzinfo=UTC).timestamp() * 1000)] == 60

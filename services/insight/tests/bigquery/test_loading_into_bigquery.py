"""Loading into BigQuery, on its emulator: whole or not there, once, and the same tables as in DuckDB."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from meetup_insight.errors import WarehouseUnavailable
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.loading.objects import Reader
from meetup_insight.loading.record_loader import Loaded, load_records
from meetup_insight.schema import STAGING
from meetup_insight.schema.tables import SETTINGS
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Kept, Merge
from meetup_insight.warehouse.failpoints import Failpoint
from meetup_insight.warehouse.opening import open_warehouse
from meetup_insight.warehouse.protocol import Warehouse, relation, rows
from meetup_testkit.emulators.process import EmulatorProcess
from meetupkit.stores import open_objects

from services.insight.tests.bigquery.conftest import MakeDataset
from services.insight.tests.bigquery.parts import environ
from services.insight.tests.conftest import KEY, Store, lines_of

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
LOADED = """
import os, signal, sys, threading
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.loading.objects import Reader
from meetup_insight.loading.record_loader import load_records
from meetup_insight.warehouse.opening import open_warehouse
from meetupkit.stores import open_objects
url, objects, key, failpoint, times = sys.argv[1:]
left = [int(times)]
def at(event, _):
    if event == failpoint:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
warehouse = open_warehouse(url, memory="1GB", threads=1)
warehouse.prepare()
sys.addaudithook(at)
reader = Reader(open_objects(objects), threading.Event())
load_records(warehouse, reader, {}, MemberHash(key), frozenset(), lambda: None)
"""


def opened(url: str) -> Warehouse:
    return open_warehouse(url, memory="1GB", threads=1)


def load(url: str, store: Store) -> Loaded:
    warehouse = opened(url)
    warehouse.prepare()
    reader = Reader(open_objects(store.url), threading.Event())
    loaded = load_records(warehouse, reader, {}, MemberHash(KEY), frozenset(), lambda: None)
    warehouse.close()
    return loaded


def contents(url: str, tables: list[str]) -> dict[str, list[str]]:
    warehouse = opened(url)
    found = {
        table.name: sorted(map(repr, rows(warehouse, relation(table)))) for table in STAGING if table.name in tables
    }
    warehouse.close()
    return found


@pytest.fixture
def filled(store: Store) -> Store:
    """RSVPs in both layouts, some twice, and a line that is none."""
    lines = lines_of("rsvps", 40)
    store.put_records("rsvps", lines[:10])
    store.put_segment("rsvps", "2017-03-19/12/aa", [*lines[5:], b"nothing"])
    return store


TABLES = ["rsvps", "rsvps_versions", "groups_seen", "venues_seen", "group_topics_seen", "records_read", "rejects"]


@pytest.mark.parametrize("failpoint", list(Failpoint))
def test_a_load_that_is_killed_and_repeated_gives_duckdb_s_tables(
    failpoint: Failpoint, filled: Store, made_dataset: MakeDataset, bigquery: EmulatorProcess, tmp_path: Path
) -> None:
    url = made_dataset()
    arguments = [sys.executable, "-c", LOADED, url, filled.url, KEY, failpoint.value, "1"]
    killed = subprocess.run(arguments, check=False, capture_output=True, env=environ(bigquery.port), timeout=300)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    load(url, filled)
    assert load(url, filled) == Loaded(0, 0)
    duckdb = f"duckdb:///{tmp_path}/w.duckdb"
    load(duckdb, filled)
    found = contents(url, TABLES)
    assert found == contents(duckdb, TABLES)
    assert all(found.values())


def test_what_comes_later_is_merged_as_duckdb_does(filled: Store, made_dataset: MakeDataset, tmp_path: Path) -> None:
    url, duckdb = made_dataset(), f"duckdb:///{tmp_path}/w.duckdb"
    for _ in range(2):
        load(url, filled)
        load(duckdb, filled)
        filled.put_segment("rsvps", "2017-03-19/13/bb", lines_of("rsvps", 70)[20:])
    filled.put_segment("rsvps", "2017-03-19/14/cc", lines_of("rsvps", 75)[60:])
    assert load(url, filled) == load(duckdb, filled)
    assert contents(url, TABLES) == contents(duckdb, TABLES)


def test_a_build_that_began_later_ends_the_one_before_it(made_dataset: MakeDataset) -> None:
    url = made_dataset()
    first, second = opened(url), opened(url)
    first.prepare()
    second.prepare()
    change = Merge(SETTINGS, arrow(SETTINGS, [("name", "value")]), ("name",), {"value": Kept.NEW})
    with pytest.raises(WarehouseUnavailable, match="being written by another build"):
        first.write([change])
    assert ("name", "value") not in rows(second, relation(SETTINGS))
    second.write([change])
    assert ("name", "value") in rows(second, relation(SETTINGS))
    assert not {name for name in second.tables() if name.startswith("incoming")}

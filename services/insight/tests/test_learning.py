"""Models are learned anew when enough is new; all else is at each build as one from nothing makes it."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from meetup_insight.building.build import build
from meetup_insight.building.forgetting import remember
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.marts.catalogue import MARTS
from meetup_insight.page.published import Library
from meetup_insight.page.site import Site
from meetup_insight.predicting.inputs import Denied
from meetup_insight.predicting.learning import Seen, due, remembered
from meetup_insight.predicting.prediction_tables import LEARNED, MODEL_CARD, PREDICTED, PREDICTED_TOPICS
from meetup_insight.schema import STAGING, Table
from meetup_insight.settings import InsightSettings
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Replace
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse
from meetup_insight.warehouse.protocol import relation

from services.insight.tests.conftest import KEY, Configure, Store
from services.insight.tests.test_privacy import rsvp

pytestmark = pytest.mark.timeout(300)  # a build takes seconds, and the machine may be busy
OF_EACH_BUILD = (*STAGING, *(mart.table for mart in MARTS), *(table for table in PREDICTED if table not in LEARNED))
DAY = 24


def rsvps(first: int, last: int) -> list[bytes]:
    """Ten groups and sixty members within fifty days; every fifth says no."""
    return [
        rsvp(at, 1 + at * 7 % 60, at // 7 % 10, response="no" if at % 5 == 4 else "yes", hour=at % 50 * DAY)
        for at in range(first, last)
    ]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store and what a build made of it."""
    folder = tmp_path_factory.mktemp("first")
    store = Store(folder / "objects")
    store.put_segment("rsvps", "2017-03-19/12/aa", rsvps(0, 800))
    given = {"OBJECTS": store.url, "WAREHOUSE": f"duckdb:///{folder}/insight.duckdb", "HASH_KEY": KEY}
    build(InsightSettings.from_environ({f"INSIGHT_{name}": value for name, value in given.items()}))
    return folder


@pytest.fixture
def store(first: Path, tmp_path: Path) -> Store:
    """Both again, for one test."""
    shutil.copytree(first, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Store(tmp_path / "objects")


def contents(settings: InsightSettings, tables: tuple[Table, ...]) -> dict[str, pa.Table]:
    warehouse = DuckDbWarehouse(settings.warehouse_file)
    found = {table.name: warehouse.read(relation(table).order_by(list(table.key))) for table in tables}
    warehouse.close()
    return found


def judged(settings: InsightSettings) -> int:
    """How many members the models were learned from."""
    (found,) = set(contents(settings, (MODEL_CARD,))[MODEL_CARD.name]["members"].to_pylist())
    return int(found)


def newcomers(first: int, count: int) -> list[bytes]:
    """Each of a member of its own, in two groups."""
    return [rsvp(5000 + at * 2 + n, 1000 + at, n, hour=49 * DAY) for at in range(first, first + count) for n in (0, 1)]


def test_what_is_learned_stays_until_a_twentieth_is_new_and_all_else_is_that_of_a_build_from_nothing(
    store: Store, configure: Configure
) -> None:
    settings = configure()
    before, members = contents(settings, LEARNED), judged(settings)
    store.put_segment("rsvps", "2017-03-19/13/bb", newcomers(0, 15))
    build(settings)
    scratch = configure("scratch")
    build(scratch)
    assert contents(settings, LEARNED) == before
    assert (judged(settings), judged(scratch)) == (members, members + 15)
    each = tuple(table for table in OF_EACH_BUILD if table is not MODEL_CARD)
    assert contents(settings, each) == contents(scratch, each)

    store.put_segment("rsvps", "2017-03-19/14/cc", newcomers(15, 10))
    build(settings)
    assert judged(settings) == members + 25


def test_with_a_share_of_nothing_every_table_is_that_of_a_build_from_nothing(
    store: Store, configure: Configure
) -> None:
    settings = configure(learn_share=0)
    store.put_segment("rsvps", "2017-03-19/13/bb", newcomers(0, 1))
    build(settings)
    scratch = configure("scratch")
    build(scratch)
    assert contents(settings, (*OF_EACH_BUILD, *LEARNED)) == contents(scratch, (*OF_EACH_BUILD, *LEARNED))


def test_a_member_who_is_forgotten_is_in_no_model_after_the_build(store: Store, configure: Configure) -> None:
    settings = configure()
    before, hash_of = judged(settings), MemberHash(KEY)
    remember(settings.forgotten_file, [found for member in range(1, 11) if (found := hash_of(member))])
    build(settings)
    assert judged(settings) < before


def test_the_page_says_what_the_models_were_learned_from(store: Store, configure: Configure) -> None:
    settings = configure()
    page = Site(Library(settings.published_folder).newest, lambda: "").answer("/interests", "").body.decode()
    assert "Learned from records until 2017-05-07" in page


NOW = Seen({"rsvps_versions": 1000, "photos_versions": 0, "member_profiles": 0, "group_profiles": 0}, 0, 10**12, 0, "1")


@pytest.mark.parametrize(
    ("rows_now", "newest", "program", "expected"),
    [
        (1000, 10**12, "1", False),
        (1050, 10**12 + 5 * 10**10, "1", False),
        (1051, 10**12, "1", True),
        (949, 10**12, "1", True),
        (1000, 10**12 + 5 * 10**10 + 1, "1", True),
        (1000, 10**12, "2", True),
    ],
)
def test_models_are_due_by_what_is_new(
    rows_now: int, newest: int, program: str, expected: bool, store: Store, configure: Configure
) -> None:
    settings = configure()
    warehouse = DuckDbWarehouse(settings.warehouse_file)
    warehouse.write([remembered(NOW)])
    now = Seen({**NOW.rows, "rsvps_versions": rows_now}, 0, newest, 0, program)
    assert due(warehouse, now, 0.05, Denied(frozenset(), frozenset())) is expected
    warehouse.close()


def test_models_that_predict_what_has_become_sensitive_are_due(store: Store, configure: Configure) -> None:
    settings = configure()
    warehouse = DuckDbWarehouse(settings.warehouse_file)
    predicted = arrow(PREDICTED_TOPICS, [("hash", 1, "social", 1.0, "")])
    warehouse.write([remembered(NOW), Replace(PREDICTED_TOPICS, predicted)])
    assert not due(warehouse, NOW, 0.05, Denied(frozenset({"chess"}), frozenset()))
    assert due(warehouse, NOW, 0.05, Denied(frozenset({"social"}), frozenset()))
    warehouse.close()


KILLED = """
import os, signal, sys
from meetup_insight.building.build import build
from meetup_insight.settings import InsightSettings
from meetup_insight.warehouse.failpoints import Failpoint
passed = []
def seam(name):
    passed.append(name)
    if len(passed) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(lambda event, _: seam("written") if event == Failpoint.CHANGES_WRITTEN else None)
build(InsightSettings.from_environ(dict(os.environ)), moving=lambda: seam("moving"))
print(*passed)
"""


def killed_at(seam: int, settings: InsightSettings, store: Store) -> list[str]:
    """A build of its own process that ends at the given seam, 0: at none; those it passed, if it lived to say."""
    given = {"OBJECTS": store.url, "WAREHOUSE": f"duckdb:///{settings.warehouse_file}", "HASH_KEY": KEY}
    environment = {**os.environ, **{f"INSIGHT_{name}": value for name, value in given.items()}}
    command = [sys.executable, "-c", KILLED, str(seam)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=250)
    assert ended.returncode == (-signal.SIGKILL if seam else 0), ended.stderr
    return ended.stdout.split()


@pytest.mark.faults
@pytest.mark.timeout(3000)
def test_a_build_that_is_killed_while_it_learns_anew_is_made_good_by_the_next(
    store: Store, configure: Configure, tmp_path: Path
) -> None:
    """At each seam from the first learned model on: learned, written, published, and noted as built."""
    settings, whole = configure(), configure("whole")
    store.put_segment("rsvps", "2017-03-19/13/bb", newcomers(0, 25))
    begun = settings.warehouse_file.read_bytes()
    whole.warehouse_file.write_bytes(begun)
    seams = killed_at(0, whole, store)
    expected = contents(whole, (*OF_EACH_BUILD, *LEARNED))
    marts, *_ = [at for at, name in enumerate(seams, start=1) if name == "written"][-3:]
    for seam in range(marts, len(seams) + 1):
        settings.warehouse_file.write_bytes(begun)
        killed_at(seam, settings, store)
        build(settings)
        assert contents(settings, (*OF_EACH_BUILD, *LEARNED)) == expected, seams[:seam]

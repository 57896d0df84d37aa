"""Nobody can be told from what is published: queries over the published files of a build."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from meetup_insight.building.build import ALL_TABLES, PUBLISHED, build
from meetup_insight.building.forgetting import forgotten, remember
from meetup_insight.errors import UnreadableFile, WarehouseRefused
from meetup_insight.exporting.table_files import export_table
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.marts.mart import LEAST_MEMBERS
from meetup_insight.predicting.inputs import Denied
from meetup_insight.predicting.sensitive import is_sensitive
from meetup_insight.publishing.bundle import current, read_table
from meetup_insight.publishing.rules import publishable
from meetup_insight.schema import Kind, Seen
from meetup_insight.schema.tables import GROUPS
from meetup_insight.settings import InsightSettings
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse

from services.insight.tests.conftest import KEY, Configure, Store

TOPICS = ("hiking", "chess", "cancer-survivors", "python", "gay-men")


def rsvp(number: int, member: int, group: int, *, response: str = "yes", hour: int = 0) -> bytes:
    topics = [
        {"urlkey": TOPICS[group % 5], "topic_name": TOPICS[group % 5].title()},
        {"urlkey": "social", "topic_name": "S"},
    ]
    place = {"venue_id": 100 + group, "venue_name": "Hall", "lat": 40.0 + group / 3, "lon": -73.987654}
    record = {
        "rsvp_id": number, "mtime": 1489925470000 + hour * 3_600_000, "response": response, "guests": member % 13,
        "member": {"member_id": member, "member_name": f"Name {member}"}, "venue": place,
        "event": {"event_id": f"e{group}", "time": 1489925470000 + 90_000_000, "event_name": "Walk"},
        "group": {
            "group_id": group, "group_name": f"Group {group}", "group_urlname": f"g{group}", "group_country": "us",
            "group_lat": 40.71234, "group_lon": -74.0, "group_topics": topics,
        },
    }  # fmt: skip
    return json.dumps(record).encode()


def fill(store: Store) -> None:
    """Ten groups of 4 to 31 members, who answer within two weeks."""
    lines = [
        rsvp(group * 1000 + at, 1 + (at * 7 + group) % 60, group, response="no" if at % 5 == 4 else "yes", hour=at * 9)
        for group in range(10)
        for at in range(4 + group * 3)
    ]
    store.put_segment("rsvps", "2017-03-19/12/aa", lines)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> InsightSettings:
    """Built once for all tests that only read."""
    folder = tmp_path_factory.mktemp("privacy")
    store = Store(folder / "objects")
    fill(store)
    given = {"OBJECTS": store.url, "WAREHOUSE": f"duckdb:///{folder}/insight.duckdb", "HASH_KEY": KEY}
    found = InsightSettings.from_environ({f"INSIGHT_{name}": value for name, value in given.items()})
    build(found)
    return found


def published(settings: InsightSettings) -> dict[str, pa.Table]:
    folder = current(settings.published_folder)
    assert folder is not None
    return {table.name: found for table in PUBLISHED if (found := read_table(folder, table.name)) is not None}


def test_every_published_cell_stands_on_ten_members_and_something_is_published(settings: InsightSettings) -> None:
    counts = {
        name: rows["members"].to_pylist()
        for name, rows in published(settings).items()
        if "members" in rows.column_names and name != "groups"
    }
    assert {"answers_by_group", "topics_by_week", "places", "group_activity"} <= {
        name for name, found in counts.items() if found
    }
    for name, found in counts.items():
        if name != "model_card":
            assert all(count >= LEAST_MEMBERS for count in found), name


def test_what_is_left_out_of_a_whole_cannot_be_worked_out(settings: InsightSettings) -> None:
    warehouse = DuckDbWarehouse(settings.warehouse_file)
    everybody = dict(warehouse.rows("SELECT group_id, count(DISTINCT member) FROM rsvps GROUP BY 1"))
    shown = {group for (group,) in warehouse.rows("SELECT group_id FROM answers_by_group")}
    warehouse.close()
    hidden = [count for group, count in everybody.items() if group not in shown]
    assert shown
    assert not hidden or sum(hidden) >= LEAST_MEMBERS


def test_no_hash_of_a_member_is_in_a_published_table(settings: InsightSettings) -> None:
    hashes = {MemberHash(KEY)(member) for member in range(1, 70)}
    for name, rows in published(settings).items():
        assert not hashes & {str(cell) for column in rows.columns for cell in column.to_pylist()}, name
    for table in PUBLISHED:
        assert not [column for column in table.columns if column.kind is Kind.MEMBER]


def test_sensitive_topics_and_groups_that_tell_of_one_are_nowhere(settings: InsightSettings) -> None:
    for name, rows in published(settings).items():
        for column in rows.column_names:
            for cell in rows[column].to_pylist():
                assert not isinstance(cell, str) or ("cancer" not in cell and "gay" not in cell), name
        if "group_id" in rows.column_names:
            assert not {group for group in rows["group_id"].to_pylist() if group % 5 in {2, 4}}, name


def test_places_are_rounded_to_a_tenth_of_a_degree(settings: InsightSettings) -> None:
    tables = published(settings)
    for rows in (tables["groups"], tables["places"]):
        assert rows.num_rows
        for place in (*rows["latitude"].to_pylist(), *rows["longitude"].to_pylist()):
            assert round(place, 2) == pytest.approx(place)
    assert all(round(place, 1) == pytest.approx(place) for place in tables["groups"]["latitude"].to_pylist())


def test_a_table_with_a_row_for_each_member_is_not_published_and_exported_only_when_asked(
    settings: InsightSettings, tmp_path: Path
) -> None:
    private = [table for table in ALL_TABLES if table.seen is Seen.PRIVATE]
    assert {"members", "member_topics", "predicted_topics", "predicted_groups"} <= {table.name for table in private}
    for table in private:
        with pytest.raises(ValueError, match="not published"):
            publishable(table, table.arrow.empty_table(), Denied(frozenset(), frozenset()))
    with pytest.raises(UnreadableFile, match="--private"):
        export_table(settings, "members", tmp_path / "m.csv", private=False)
    assert export_table(settings, "members", tmp_path / "m.csv", private=True) > 0


def test_a_member_who_is_forgotten_is_gone_and_stays_away_after_a_rebuild_from_scratch(
    store: Store, configure: Configure
) -> None:
    fill(store)
    settings = configure()
    build(settings)
    hashed = MemberHash(KEY)(8)
    assert hashed
    remember(settings.forgotten_file, [hashed])
    remember(settings.forgotten_file, [hashed])
    assert forgotten(settings.forgotten_file) == {hashed}
    for _ in range(2):
        build(settings)
        warehouse = DuckDbWarehouse(settings.warehouse_file)
        for table in sorted(warehouse.tables() - {"forgotten"}):
            cells = {str(cell) for row in warehouse.rows(f'SELECT * FROM "{table}"') for cell in row}
            assert hashed not in cells, table
        assert warehouse.count("rsvps") > 0
        warehouse.close()
        settings.warehouse_file.unlink()  # the next build is from scratch


def test_another_key_is_refused_in_a_sentence(settings: InsightSettings) -> None:
    another = InsightSettings.from_environ(
        {
            "INSIGHT_OBJECTS": settings.objects,
            "INSIGHT_WAREHOUSE": settings.warehouse,
            "INSIGHT_HASH_KEY": "another key, as long as the first",
        }
    )
    with pytest.raises(WarehouseRefused, match="another hash key"):
        build(another)


@pytest.mark.parametrize(
    "topic",
    ["cancer-survivors", "Depression Support", "lgbtfriends", "bible-study", "Buddhism", "democrats", "hiv", "expat",
     "black-professionals", "muslim-singles", "polyamory", "alcoholics anonymous recovery", "latinos", "atheists"],
)  # fmt: skip
def test_sensitive_topics_are_known(topic: str) -> None:
    assert is_sensitive(topic)


@pytest.mark.parametrize(
    "topic",
    [
        "hiking",
        "python",
        "board-games",
        "blacksmithing",
        "jewelry",
        "dining-out",
        "photography",
        "wine",
        "startups",
        "data-science",
    ],
)
def test_ordinary_topics_are_shown(topic: str) -> None:
    assert not is_sensitive(topic)


def test_the_published_groups_are_those_of_the_warehouse_without_the_sensitive_ones(settings: InsightSettings) -> None:
    rows = published(settings)[GROUPS.name]
    assert sorted(rows["group_id"].to_pylist()) == [0, 1, 3, 5, 6, 8]

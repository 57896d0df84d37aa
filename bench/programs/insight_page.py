"""Opens each view over so many rsvps, by a site that has read nothing yet. ``insight_page.py COUNT FOLDER``

The rows are made where they end, in the warehouse, and predictions of the sizes that a build makes at most stand beside
them: neither reading raw records nor learning is what is measured. Prints processor seconds and bytes by view.
"""

import gzip
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from meetup_insight.building.build import build
from meetup_insight.page.published import Library
from meetup_insight.page.site import Site
from meetup_insight.page.views import VIEWS
from meetup_insight.predicting import prediction_tables as predicted
from meetup_insight.predicting.learning import remembered, seen
from meetup_insight.schema import Table
from meetup_insight.settings import InsightSettings
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Replace
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse

_KEY: Final = "a key of bench, and of no other"
_GROUPS: Final = 12_000
_TOPICS: Final = 5_000
_TOPICS_A_GROUP: Final = 10
_START_MS: Final = 1_425_000_000_000
_SPAN_MS: Final = 120 * 7 * 86_400_000
_RSVPS: Final = """
    SELECT n AS rsvp_id, epoch_ms({start} + n * {span} // {count}) AS mtime, n AS body_key,
        CASE WHEN n % 5 = 4 THEN 'no' ELSE 'yes' END AS response, n % 3 AS guests, 'public' AS visibility,
        printf('%016x', ((n * 7919) % {members})) AS member,
        printf('%d-%d', (n * 31) % {groups}, n * 60 // {count}) AS event_id, 'Walk' AS event_name,
        epoch_ms({start} + (n * 60 // {count} + 1) * {span} // 60 + (n * 31) % {groups} % 168 * 3600000) AS event_time,
        (n * 31) % {groups} AS group_id, (n * 31) % {groups} AS venue_id
    FROM range({count}) t(n)"""
_SEEN: Final = f"epoch_ms({_START_MS}) AS first_seen, epoch_ms({_START_MS + _SPAN_MS}) AS last_seen"
_GROUPS_SEEN: Final = (
    "SELECT n AS group_id, 'Group ' || n AS name, 'g' || n AS urlname, 'City' AS city, NULL AS state, 'us' AS country,"
    " 25 + n % 240 / 10.0 AS latitude, -120 + n % 500 / 10.0 AS longitude, 'open' AS join_mode, NULL AS category,"
    " {seen} FROM range({groups}) t(n)"
)
_VENUES_SEEN: Final = (
    "SELECT n AS venue_id, 'Hall' AS name, 25 + n % 240 / 10.0 + n / 1e6 AS latitude,"
    " -120 + n % 500 / 10.0 AS longitude, {seen} FROM range({groups}) t(n)"
)
_TOPICS_SEEN: Final = (
    "SELECT n AS group_id, 't' || ((n * 13 + k * k * 97) % {topics}) AS topic,"
    " 'Topic ' || ((n * 13 + k * k * 97) % {topics}) AS name,"
    " {seen} FROM range({groups}) t(n), range({each}) u(k) GROUP BY ALL"
)


def fill(warehouse: DuckDbWarehouse, count: int) -> None:
    """Rows as loading leaves them."""
    sizes = {
        "count": count, "members": max(1, count // 5), "groups": _GROUPS, "topics": _TOPICS, "each": _TOPICS_A_GROUP,
        "start": _START_MS, "span": _SPAN_MS, "seen": _SEEN,
    }  # fmt: skip
    for table, query in (
        ("rsvps_versions", _RSVPS), ("rsvps", _RSVPS), ("groups_seen", _GROUPS_SEEN), ("venues_seen", _VENUES_SEEN),
        ("group_topics_seen", _TOPICS_SEEN),
    ):  # fmt: skip
        warehouse.connection.execute(f'INSERT INTO "{table}" BY NAME {query.format(**sizes)}')


def predict(warehouse: DuckDbWarehouse) -> None:
    """What is learned, made up; the next build takes it for what it is, for nothing is new since."""
    ranks = range(1, 11)
    made: dict[Table, list[tuple[Any, ...]]] = {
        predicted.INTERESTS: [(f"t{n}", 100, "t1|t2|t3") for n in range(3_000)],
        predicted.LEADS_TO: [(f"t{n}", rank, f"t{n + rank}", 1 / rank, 20) for n in range(2_000) for rank in ranks],
        predicted.NEWCOMERS: [(f"c{n}", rank, f"t{rank}") for n in range(40) for rank in ranks],
        predicted.LOOKALIKES: [(n, rank, n + rank, 0.5, 12, "t1|t2|t3|t4") for n in range(5_000) for rank in ranks],
        predicted.COMMUNITIES: [(n, n // 10 * 10) for n in range(_GROUPS)],
    }
    warehouse.write([Replace(table, arrow(table, made.get(table, []))) for table in predicted.PREDICTED])
    warehouse.write([remembered(seen(warehouse))])


def opened(root: Path, path: str) -> tuple[float, int]:
    """Processor seconds, and packed bytes."""
    site = Site(Library(root).newest, lambda: "")
    began = time.process_time()
    answer = site.answer(path, "")
    seconds = time.process_time() - began
    assert answer.status == 200
    return seconds, len(gzip.compress(answer.body))


folder = Path(sys.argv[2])
(folder / "objects").mkdir(parents=True)
warehouse = DuckDbWarehouse(folder / "insight.duckdb")
warehouse.prepare()
fill(warehouse, int(sys.argv[1]))
predict(warehouse)
warehouse.close()
settings = InsightSettings.from_environ(
    {
        "INSIGHT_OBJECTS": (folder / "objects").as_uri(),
        "INSIGHT_WAREHOUSE": f"duckdb:///{folder}/insight.duckdb",
        "INSIGHT_HASH_KEY": _KEY,
    }
)
cpu = time.process_time()
build(settings)
used = time.process_time() - cpu
opened(settings.published_folder, "/quality")  # what is imported at the first view of a process is no part of it
views = {path: opened(settings.published_folder, path) for path in VIEWS}
print(json.dumps({"build_cpu_seconds": used, "views": views}))

"""Google's own analyzer takes every statement that a build sends to BigQuery, with the types of the schema."""

import json
import subprocess
from pathlib import Path
from typing import Any

import ibis
import pytest
from meetup_insight.building.build import ALL_TABLES
from meetup_insight.loading.batch import Ready
from meetup_insight.loading.parts import SeenParts
from meetup_insight.loading.staging import Finished, changes
from meetup_insight.loading.zones import places
from meetup_insight.marts.catalogue import MARTS
from meetup_insight.marts.mart import unbound
from meetup_insight.predicting.prediction_tables import PREDICTED
from meetup_insight.schema import BOOKS, FEED_TABLES, STAGING, FeedTable, Table
from meetup_insight.schema.feeds import TOPICS_SEEN
from meetup_insight.warehouse.bigquery.scripts import fence, made_by, take_over
from meetup_insight.warehouse.changes import Append, Change, Delete, Replace

from services.insight.tests.bigquery.parts import ANALYZER, require

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]
TABLES = (*STAGING, *BOOKS, *ALL_TABLES)
QUERIES = unbound([*STAGING, *(mart.table for mart in MARTS)])


def nothing(feed: FeedTable) -> Ready:
    """A batch without a row: the statements are the same."""
    topics = TOPICS_SEEN.arrow.empty_table()
    parts = {part.table.name: SeenParts(part.table.arrow.empty_table(), topics) for part in feed.parts}
    return Ready(feed.versions.arrow.empty_table(), parts, frozenset())


def all_changes() -> list[Change]:
    """Of a batch of each feed, and one of each kind for the tables that they leave out."""
    batches = [each for feed in FEED_TABLES for each in changes(feed, nothing(feed), Finished())]
    replaced = [Replace(table, table.arrow.empty_table()) for table in PREDICTED]
    others = [kind(table, table.arrow.empty_table()) for table in (*STAGING, *BOOKS) for kind in (Append, Delete)]
    return [*batches, *replaced, *others, *(Replace(mart.table, mart.expression(QUERIES)) for mart in MARTS)]


def statements() -> dict[str, str]:
    """By a name that says where it comes from."""
    found = {f"query {mart.name}": ibis.to_sql(mart.expression(QUERIES), dialect="bigquery") for mart in MARTS}
    found["query places of groups"] = ibis.to_sql(places(), dialect="bigquery")
    found |= {f"create {table.name}": table.bigquery() for table in TABLES}
    for number, change in enumerate(all_changes()):
        of = change.table.name
        incoming = {} if change.rows is None else {id(change.rows): f"incoming_{of}"}
        made = enumerate(made_by(change, incoming))
        found |= {f"{type(change).__name__} {number} of {of}, {at}": str(text) for at, text in made}
    found |= {f"lease {at}": text for at, text in enumerate([*take_over("me"), *fence("me"), "BEGIN TRANSACTION"])}
    found["wrong function"] = "SELECT UNIX_SECONDS(day) FROM connections"
    found["wrong column"] = "SELECT nothing FROM connections"
    return found


def columns(table: Table) -> dict[str, str]:
    return {column.name: column.bigquery for column in table.columns}


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """One process says it of all: it needs half a minute and 1 GB to start."""
    require(ANALYZER)
    tables = {table.name: columns(table) for table in TABLES}
    tables |= {f"incoming_{table.name}": columns(table) for table in TABLES}
    program = Path(__file__).with_name("googlesql_analyzer.py")
    asked = json.dumps({"tables": tables, "statements": statements()})
    told = subprocess.run([ANALYZER, program], input=asked, capture_output=True, text=True, check=False, timeout=1100)
    assert told.returncode == 0, told.stderr[-2000:]
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def test_every_statement_is_bigquery_s(answers: dict[str, Any]) -> None:
    refused = {name: said for name, said in answers.items() if isinstance(said, str) and "wrong" not in name}
    assert not refused
    assert len(answers) > 150


def test_every_mart_s_query_gives_the_types_of_its_table(answers: dict[str, Any]) -> None:
    for mart in MARTS:
        assert dict(answers[f"query {mart.name}"]) == columns(mart.table), mart.name


@pytest.mark.parametrize(("name", "said"), [("wrong function", "UNIX_SECONDS"), ("wrong column", "nothing")])
def test_the_analyzer_refuses_what_is_wrong(name: str, said: str, answers: dict[str, Any]) -> None:
    assert said in str(answers[name])
    assert isinstance(answers[name], str)

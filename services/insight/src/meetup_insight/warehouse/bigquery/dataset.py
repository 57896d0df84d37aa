"""A dataset: rows come by load jobs into tables of their own, and one script, one transaction, puts them in place.

A build that writes has its name in ``warehouse_settings``; each script changes that row, so that two builds meet there
and one of them ends, whatever else they touch.
"""

import io
import secrets
import threading
from collections.abc import Sequence
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud.bigquery import (
    Client,
    DatasetReference,
    LoadJobConfig,
    SchemaField,
    SourceFormat,
    TableReference,
    WriteDisposition,
)
from ibis.expr.types import Table as Expression

from meetup_insight.errors import WarehouseRefused
from meetup_insight.schema import BOOKS, STAGING, Table
from meetup_insight.warehouse.bigquery.jobs import CALL_SECONDS, ONCE, Job, Jobs
from meetup_insight.warehouse.bigquery.scripts import DIALECT, fence, made_by, take_over, transaction
from meetup_insight.warehouse.changes import Change, Replace, is_empty
from meetup_insight.warehouse.failpoints import Failpoint, hit
from meetup_insight.warehouse.translation import translated

_INCOMING: Final = "incoming_"
"""What tables of rows that are not in place yet begin with."""


_UTC: Final = pa.timestamp("us", "UTC")


class BigQueryWarehouse:
    """One dataset, which exists: where data may lie is for the operator to say."""

    def __init__(self, project: str, dataset: str, *, stopping: threading.Event | None = None) -> None:
        self._writer = secrets.token_hex(8)
        self._jobs = Jobs(project, dataset, self._writer, stopping or threading.Event())
        self._number = 0
        self._known: set[str] = set()
        """Tables that are there with the columns of the schema."""

    @property
    def place(self) -> str:
        """The address."""
        return self._jobs.place

    @property
    def anew(self) -> str:
        """How it is made anew."""
        return "delete the dataset's tables, the next build makes them anew from the raw records"

    def prepare(self) -> None:
        """Make the tables that are missing, and become the one that writes."""
        self._jobs.find_dataset()
        tables, there = (*STAGING, *BOOKS), self._names()
        for table in tables:
            if table.name in there and not self._has_columns(table):
                raise WarehouseRefused(
                    f"{self.place} was made by another version ({table.name} has other columns): {self.anew}"
                )
        if missing := [table for table in tables if table.name not in there]:
            self._jobs.run(";\n".join(table.bigquery() for table in missing))
        self._jobs.run(transaction(take_over(self._writer)))
        self._drop([name for name in there if name.startswith(_INCOMING)])

    def read(self, query: Expression) -> pa.Table:
        """What a query of Ibis gives."""
        job = self._jobs.run(translated(query, DIALECT))
        found = self._jobs.call(lambda _: _arrow(job))
        return found.cast(query.schema().to_pyarrow())

    def write(self, changes: Sequence[Change]) -> None:
        """In one transaction: all of them or none."""
        due = [change for change in changes if not is_empty(change)]
        if not due:
            return
        self._make([change.table for change in due if isinstance(change, Replace)])
        incoming: dict[int, str] = {}
        try:
            self._load(due, incoming)
            hit(Failpoint.ROWS_LOADED)
            made = [each for change in due for each in made_by(change, incoming)]
            self._jobs.run(transaction([*fence(self._writer), *made]), lambda: hit(Failpoint.COMMIT_SENT))
            hit(Failpoint.CHANGES_WRITTEN)
        finally:
            self._drop(list(incoming.values()))

    def tables(self) -> set[str]:
        """The tables that are there."""
        return {name for name in self._names() if not name.startswith(_INCOMING)}

    def close(self) -> None:
        """Let go of the connections."""
        self._jobs.close()

    def _load(self, changes: list[Change], incoming: dict[int, str]) -> None:
        """One load job for each set of rows, all under way at once."""
        jobs: list[Job] = []
        for change in changes:
            rows = change.rows
            if rows is not None and rows.num_rows and id(rows) not in incoming:
                self._number += 1
                name = incoming[id(rows)] = f"{_INCOMING}{self._writer}_{self._number}"
                jobs.append(self._jobs.load(_Upload(self._jobs.reference.table(name), change.table, rows)))
        for job in jobs:
            self._jobs.finished(job)

    def _make(self, tables: list[Table]) -> None:
        """Tables that a build makes anew; an earlier version may have made them with other columns."""
        unknown = [table for table in tables if table.name not in self._known]
        there = self._names() if unknown else frozenset()
        made = [table for table in unknown if table.name not in there or not self._has_columns(table)]
        if made:
            self._jobs.run(";\n".join(table.bigquery(anew=True) for table in made))
        self._known |= {table.name for table in unknown}

    def _names(self) -> frozenset[str]:
        return frozenset(self._jobs.call(partial(_listed, dataset=self._jobs.reference)))

    def _has_columns(self, table: Table) -> bool:
        found = self._jobs.call(partial(_schema, table=self._jobs.reference.table(table.name)))
        return found == list(table.names)

    def _drop(self, names: list[str]) -> None:
        for name in names:
            self._jobs.call(partial(_dropped, table=self._jobs.reference.table(name)))


def _in_utc(schema: pa.Schema) -> pa.Schema:
    """Our times are UTC and do not say so; BigQuery's TIMESTAMP wants it said."""
    return pa.schema([(each.name, _UTC if pa.types.is_timestamp(each.type) else each.type) for each in schema])


def _listed(client: Client, dataset: DatasetReference) -> list[str]:
    return [str(each.table_id) for each in client.list_tables(dataset, retry=ONCE, timeout=CALL_SECONDS)]


def _schema(client: Client, table: TableReference) -> list[str]:
    return [field.name for field in client.get_table(table, retry=ONCE, timeout=CALL_SECONDS).schema]


def _dropped(client: Client, table: TableReference) -> None:
    client.delete_table(table, not_found_ok=True, retry=ONCE, timeout=CALL_SECONDS)


def _arrow(job: Job) -> pa.Table:
    return job.result(retry=ONCE, job_retry=ONCE, timeout=CALL_SECONDS).to_arrow(create_bqstorage_client=False)


class _Upload:
    """The start of a load job, which may be asked for again."""

    def __init__(self, name: TableReference, table: Table, rows: pa.Table) -> None:
        self._name = name
        self._config = LoadJobConfig(
            source_format=SourceFormat.PARQUET,
            write_disposition=WriteDisposition.WRITE_TRUNCATE,
            schema=[SchemaField(name, table.column(name).bigquery) for name in rows.column_names],
        )
        body = io.BytesIO()
        pq.write_table(rows.cast(_in_utc(rows.schema)), body)
        self._body = body.getvalue()

    def __call__(self, client: Client, job_id: str) -> Job:
        return client.load_table_from_file(
            io.BytesIO(self._body),
            self._name,
            num_retries=0,
            job_id=job_id,
            job_config=self._config,
            timeout=CALL_SECONDS,
        )

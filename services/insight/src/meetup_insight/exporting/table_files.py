"""A table as Parquet or CSV, its rows in the order of its key: the same table gives the same rows."""

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from meetup_insight.building.build import ALL_TABLES
from meetup_insight.errors import UnreadableFile
from meetup_insight.publishing.bundle import current, read_table
from meetup_insight.schema import STAGING, Seen, Table
from meetup_insight.settings import InsightSettings
from meetup_insight.warehouse.opening import open_warehouse
from meetup_insight.warehouse.protocol import relation

TABLES: Final[dict[str, Table]] = {table.name: table for table in (*STAGING, *ALL_TABLES)}
ENDINGS: Final = (".parquet", ".csv")


def export_table(settings: InsightSettings, name: str, output: Path, *, private: bool) -> int:
    """Write the file; returns how many rows."""
    table = TABLES.get(name)
    if table is None:
        raise UnreadableFile(f"no table {name}; there are {', '.join(sorted(TABLES))}")
    if output.suffix not in ENDINGS:
        raise UnreadableFile(f"{output}: write a file that ends in {' or '.join(ENDINGS)}")
    if table.seen is Seen.PUBLISHED:
        rows = _published(settings, name)
    elif private:
        rows = _private(settings, table)
    else:
        raise UnreadableFile(f"{name} has a row for each member's act, by keyed hash: ask for it with --private")
    write(rows, output)
    return int(rows.num_rows)


def write(rows: pa.Table, output: Path) -> None:
    """Whole, or not there."""
    beside = output.with_name(f".{output.name}.part")
    try:
        if output.suffix == ".csv":
            pa_csv.write_csv(rows, beside)
        else:
            pq.write_table(rows, beside)
        beside.replace(output)
    except OSError as error:
        raise UnreadableFile(f"{output}: {error.strerror or error}") from None
    finally:
        beside.unlink(missing_ok=True)


def _published(settings: InsightSettings, name: str) -> pa.Table:
    folder = current(settings.published_folder)
    rows = read_table(folder, name) if folder else None
    if rows is None:
        raise UnreadableFile(f"{settings.published_folder}: nothing is built yet")
    return rows


def _private(settings: InsightSettings, table: Table) -> pa.Table:
    warehouse = open_warehouse(settings.warehouse, memory=settings.memory, threads=settings.threads)
    try:
        if table.name not in warehouse.tables():
            raise UnreadableFile(f"{settings.warehouse}: nothing is built yet")
        return warehouse.read(relation(table).order_by(list(table.key))).cast(table.arrow)
    finally:
        warehouse.close()

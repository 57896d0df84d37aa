"""Members who asked to be forgotten: their hashes in a file beside the warehouse, so that a rebuild keeps them away.

The raw layer is not changed: who runs it deletes there what must go, or waits for it to expire.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from meetup_insight.errors import WarehouseRefused
from meetup_insight.schema import STAGING, Kind
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse, quoted


def forgotten(file: Path) -> frozenset[str]:
    """The hashes in the file."""
    try:
        return frozenset(line.strip() for line in file.read_text(encoding="ascii").splitlines() if line.strip())
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError) as error:
        raise WarehouseRefused(f"{file}: {error}") from None


def remember(file: Path, hashes: Iterable[str]) -> None:
    """Add to the file; on the disk when this returns."""
    new = sorted(set(hashes) - forgotten(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="ascii") as lines:
        lines.writelines(f"{each}\n" for each in new)
        lines.flush()
        os.fsync(lines.fileno())


def apply(warehouse: DuckDbWarehouse, hashes: frozenset[str]) -> bool:
    """Remove what the warehouse holds of members it did not forget before; whether there are any."""
    known = {str(member) for (member,) in warehouse.rows("SELECT member FROM forgotten")}
    new = sorted(hashes - known)
    if not new:
        return False
    with (
        warehouse.given("gone", pa.table({"member": pa.array(new, pa.string())})),
        warehouse.transaction() as connection,
    ):
        for table in STAGING:
            for column in table.columns:
                if column.kind is Kind.MEMBER:
                    connection.execute(
                        f"DELETE FROM {quoted(table.name)} WHERE {quoted(column.name)} IN (SELECT member FROM gone)"
                    )
        connection.execute("DELETE FROM unreadable_fields WHERE record IN (SELECT member FROM gone)")
        connection.execute("DELETE FROM loaded_documents WHERE document IN (SELECT member FROM gone)")
        connection.execute("INSERT INTO forgotten SELECT member FROM gone")
    return True

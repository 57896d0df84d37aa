"""Members who asked to be forgotten: their hashes in a file beside the warehouse, so that a rebuild keeps them away.

The raw layer is not changed: who runs it deletes there what must go, or waits for it to expire.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from meetup_insight.errors import WarehouseRefused
from meetup_insight.predicting.learning import unlearned
from meetup_insight.schema import STAGING, Kind
from meetup_insight.schema.tables import FORGOTTEN, LOADED_DOCUMENTS, UNREADABLE
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Append, Change, Delete
from meetup_insight.warehouse.protocol import Warehouse, relation, rows


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


def apply(warehouse: Warehouse, hashes: frozenset[str]) -> frozenset[str]:
    """Remove what the warehouse holds of members it did not forget before; what was learned of them goes in this build.

    Returns everyone who is forgotten, by the file or by the warehouse.
    """
    known = frozenset(str(member) for (member,) in rows(warehouse, relation(FORGOTTEN)))
    new = sorted(hashes - known)
    if new:
        listed = Append(FORGOTTEN, arrow(FORGOTTEN, [(member,) for member in new]))
        warehouse.write([*_deleted(new), listed, unlearned()])
    return hashes | known


def _deleted(members: list[str]) -> Iterator[Change]:
    named = [(table, column.name) for table in STAGING for column in table.columns if column.kind is Kind.MEMBER]
    for table, column in (*named, (UNREADABLE, "record"), (LOADED_DOCUMENTS, "document")):
        yield Delete(table, arrow(table, [(member,) for member in members], (column,)))

"""The published tables in memory, read once for each build."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from meetup_insight.publishing.bundle import Manifest, current, read_table

Row = Mapping[str, Any]


class Published:
    """One published folder."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._tables: dict[str, pa.Table | None] = {}
        self._rows: dict[str, list[Row]] = {}
        self.topic_names = dict(self._pairs("topics", "topic", "name"))
        self.group_names = {group: name or str(group) for group, name in self._pairs("groups", "group_id", "name")}

    def rows(self, name: str) -> list[Row]:
        """A table's rows, in the order of its key. Of one that grows with the records ask for some alone."""
        if name not in self._rows:
            found = self._table(name)
            self._rows[name] = found.to_pylist() if found is not None else []
        return self._rows[name]

    def some(self, name: str, column: str, value: Any) -> list[Row]:
        """The rows with this value in the column, in the order of the key."""
        found = self._table(name)
        return found.filter(pc.equal(found[column], value)).to_pylist() if found is not None else []

    def sums(self, name: str, key: str, column: str) -> list[tuple[Any, int]]:
        """By key, the sum of the column: the greatest first, then by key."""
        found = self._table(name)
        if found is None:
            return []
        summed = found.group_by(key).aggregate([(column, "sum")])
        ranked = summed.sort_by([(f"{column}_sum", "descending"), (key, "ascending")])
        return list(zip(ranked[key].to_pylist(), ranked[f"{column}_sum"].to_pylist(), strict=True))

    def distinct(self, name: str, column: str) -> list[Any]:
        """The values of a column, each once, in the order of the key."""
        found = self._table(name)
        return found[column].unique().to_pylist() if found is not None else []

    def _table(self, name: str) -> pa.Table | None:
        if name not in self._tables:
            self._tables[name] = read_table(self.folder, name)
        return self._tables[name]

    def _pairs(self, name: str, key: str, value: str) -> Iterator[tuple[Any, Any]]:
        found = read_table(self.folder, name, (key, value))
        return zip(*(found[each].to_pylist() for each in (key, value)), strict=True) if found is not None else iter(())

    def topic(self, topic: str) -> str:
        """Its name."""
        return self.topic_names.get(topic) or topic

    def group(self, group: int) -> str:
        """Its name."""
        return self.group_names.get(group) or f"group {group}"


class Library:
    """Gives the newest published folder, and reads it when it is new."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._shown: Published | None = None

    @property
    def is_filled(self) -> bool:
        """Whether something is published; reads no table."""
        return self._shown is not None or current(self._root) is not None

    def newest(self) -> Published | None:
        """``None`` until something is published."""
        folder = current(self._root)
        if folder is None:
            return self._shown
        if self._shown is None or self._shown.folder != folder:
            manifest = Manifest.read(folder)
            if manifest is not None:
                self._shown = Published(folder, manifest)
        return self._shown

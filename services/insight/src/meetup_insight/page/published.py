"""The published tables in memory, read once for each build."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meetup_insight.publishing.bundle import Manifest, current, read_table

Row = Mapping[str, Any]


class Published:
    """One published folder."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._tables: dict[str, list[Row]] = {}
        self.topic_names = {row["topic"]: row["name"] for row in self.rows("topics")}
        self.group_names = {row["group_id"]: row["name"] or str(row["group_id"]) for row in self.rows("groups")}

    def rows(self, name: str) -> list[Row]:
        """A table's rows, in the order of its key."""
        if name not in self._tables:
            found = read_table(self.folder, name)
            self._tables[name] = found.to_pylist() if found is not None else []
        return self._tables[name]

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

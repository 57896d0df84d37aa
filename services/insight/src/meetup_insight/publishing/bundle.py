"""The published tables as Parquet files in one folder, which appears whole: a page reads it while the next is built."""

import json
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

_MANIFEST: Final = "manifest.json"
_CURRENT: Final = "current"
_KEPT: Final = 2
"""The one that is shown, and the one that a reader may still be in."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a build published. Times are seconds since the epoch."""

    started_at: float
    finished_at: float
    objects: int
    versions: int
    rows: dict[str, int]
    newest: float | None
    """The mtime of the newest RSVP."""

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Of a published folder; ``None`` if there is none yet."""
        try:
            found: dict[str, Any] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            return cls(**{name: found[name] for name in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError, TypeError):
            return None


def current(root: Path) -> Path | None:
    """The folder that is shown now."""
    try:
        folder = root / os.readlink(root / _CURRENT)  # noqa: PTH115  (readlink of a link that names a sibling)
    except OSError:
        return None
    return folder if Manifest.read(folder) else None


def publish(root: Path, tables: dict[str, pa.Table], manifest: Manifest) -> Path:
    """Write the folder and turn the link to it; a kill leaves the earlier one shown."""
    root.mkdir(parents=True, exist_ok=True)
    folder = root / f"build-{int(manifest.finished_at * 1000)}-{secrets.token_hex(4)}"
    folder.mkdir()
    for name, rows in tables.items():
        pq.write_table(rows, folder / f"{name}.parquet")
    (folder / _MANIFEST).write_text(json.dumps(asdict(manifest)), encoding="utf-8")
    link = root / f".{_CURRENT}-{secrets.token_hex(4)}"
    link.symlink_to(folder.name)
    link.replace(root / _CURRENT)
    _remove_old(root, folder)
    return folder


def read_table(folder: Path, name: str, columns: Sequence[str] = ()) -> pa.Table | None:
    """One table of a published folder, or some of its columns."""
    file = folder / f"{name}.parquet"
    return pq.read_table(file, columns=list(columns) or None) if file.exists() else None


def _remove_old(root: Path, shown: Path) -> None:
    old = sorted(each for each in root.glob("build-*") if each != shown)
    for each in old[: -(_KEPT - 1)]:
        shutil.rmtree(each, ignore_errors=True)
    for link in root.glob(f".{_CURRENT}-*"):
        link.unlink(missing_ok=True)

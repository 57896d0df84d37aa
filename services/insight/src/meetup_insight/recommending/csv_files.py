"""Interactions come in and recommendations go out as CSV files: whatever the texts are, they come out as they came in.

Files may begin with a byte order mark, end their lines with CRLF, quote or not, and repeat themselves; bytes that are
no UTF-8 pass through as they are.
"""

import csv
import math
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from meetup_insight.errors import UnreadableFile
from meetup_insight.models.interactions import Interaction
from meetup_insight.models.predictor import Recommendation
from meetup_insight.moments import from_iso

OUTPUT_HEADER: Final = ("member", "item", "rank", "score", "because")
REASONS_JOINED_BY: Final = "|"
_FIELD_CHARACTERS: Final = 1 << 20
"""Of one text: far beyond any id, and what an unclosed quote runs into before it has swallowed a whole file."""
_ERRORS: Final = "surrogateescape"
"""How bytes that are no UTF-8 come through as they are."""
_MARKS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(slots=True)
class Skipped:
    """Rows that say nothing, and times that could not be read (those rows count, without a time)."""

    rows: int = 0
    times: int = 0


def read_interactions(file: Path, skipped: Skipped) -> Iterator[Interaction]:
    """The rows of a file with the header ``member,item`` or ``member,item,time``, in any order of columns."""
    rows = _rows(file)
    header = next(rows, None)
    if header is None:
        return
    columns = _columns(file, header, ("member", "item"))
    time_at = columns.get("time")
    member_at, item_at = columns["member"], columns["item"]
    for row in rows:
        member, item = _cell(row, member_at), _cell(row, item_at)
        if not member or not item:
            skipped.rows += bool(row)
            continue
        text = _cell(row, time_at) if time_at is not None else ""
        time = read_time(text)
        skipped.times += bool(text.strip()) and time is None
        yield Interaction(member, item, time)


def read_members(file: Path) -> list[str]:
    """The column ``member`` of a file, each text once, in the order of the file."""
    rows = _rows(file)
    header = next(rows, None)
    if header is None:
        return []
    at = _columns(file, header, ("member",))["member"]
    return list(dict.fromkeys(member for row in rows if (member := _cell(row, at))))


def write_recommendations(file: Path, found: Iterable[Recommendation]) -> int:
    """Write the file whole or not at all; returns the number of rows."""
    count = 0
    with _whole(file) as path, path.open("w", encoding="utf-8", errors=_ERRORS, newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(OUTPUT_HEADER)
        for each in found:
            row = (each.member, each.item, each.rank, f"{each.score:.6g}", REASONS_JOINED_BY.join(each.because))
            writer.writerow(row)
            count += 1
    return count


def read_time(text: str) -> float | None:
    """Milliseconds since the epoch, from such a number or from ISO 8601; without a zone it is UTC."""
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        try:
            return from_iso(text)
        except ValueError:
            return None
    return number if math.isfinite(number) else None


def _rows(file: Path) -> Iterator[list[str]]:
    limit = csv.field_size_limit(_FIELD_CHARACTERS)
    try:
        with file.open("rb") as beginning:
            encoding = _MARKS.get(beginning.read(2), "utf-8-sig")
        with file.open(encoding=encoding, errors=_ERRORS if encoding == "utf-8-sig" else "strict", newline="") as lines:
            yield from _closed(file, _Lines(lines))
    except csv.Error as error:
        raise UnreadableFile(f"{file}: not CSV: {error}") from None
    except (OSError, UnicodeError) as error:
        raise UnreadableFile(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    finally:
        csv.field_size_limit(limit)


class _Lines:
    """Lines on their way into a reader, with those that its next row is made of."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.of_row: list[str] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.of_row.append(line)
        return line


def _closed(file: Path, lines: _Lines) -> Iterator[list[str]]:
    """The rows; raises where a quote is still open at the end: it has swallowed all that came after it."""
    last: list[str] = []
    reader = csv.reader(lines)
    for row in reader:
        yield row
        last, lines.of_row = lines.of_row, []
    if len(last) > 1 and not _ends(last):
        raise UnreadableFile(f"{file}: not CSV: a quote is opened in line {reader.line_num - len(last) + 1} for good")


def _ends(lines: Sequence[str]) -> bool:
    """Whether a row ends with its lines; a stricter reader says that it does not."""
    try:
        return bool(list(csv.reader(lines, strict=True)))
    except csv.Error as error:
        return "end of data" not in str(error)


def _columns(file: Path, header: Sequence[str], needed: Sequence[str]) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    missing = [name for name in needed if name not in names]
    if missing:
        raise UnreadableFile(f"{file}: the first line has no column {' and no '.join(missing)}")
    return {name: names.index(name) for name in names}


def _cell(row: Sequence[str], at: int) -> str:
    return row[at] if at < len(row) else ""


class _whole:  # noqa: N801  (used as a function is: a context manager in a with statement)
    """A file beside the target, which takes its place when all is written."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> Path:
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{self._target.name}.", dir=self._target.parent)
        except OSError as error:
            raise UnreadableFile(f"{self._target}: {error.strerror}") from None
        os.close(descriptor)
        self._path = Path(name)
        return self._path

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._path.unlink(missing_ok=True)
            return
        umask = os.umask(0)
        os.umask(umask)
        self._path.chmod(0o666 & ~umask)
        self._path.replace(self._target)


def report(skipped: Skipped) -> None:
    """Say on stderr what did not count."""
    if skipped.rows:
        sys.stderr.write(f"{skipped.rows} rows without a member or an item are left out\n")
    if skipped.times:
        sys.stderr.write(f"{skipped.times} times could not be read: those rows count, without a time\n")

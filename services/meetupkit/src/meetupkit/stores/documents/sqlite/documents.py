"""Documents in one SQLite file: for one machine, any number of its threads and processes.

One table holds every collection; a document is its JSON text, and its version the number of the commit that wrote it.
A queried collection gets an index of its own in the order asked for, made at the first such query. The number of
documents of a collection is kept beside them, so that counting reads one row.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

import msgspec

from meetupkit.errors import Conflict, StoreRefused
from meetupkit.stores.documents import AtMost, Create, Delete, Document, Fields, Put, Write, limits
from meetupkit.stores.documents.sqlite import queries
from meetupkit.stores.sqlite_file import SqliteFile

BUSY_SECONDS: Final = 5.0
"""How long a writer waits for its turn: far longer than any commit takes, shorter than an HTTP client's patience."""
_NAMES_A_SELECT: Final = 500
"""Names asked for at once, below the 999 variables that older SQLite allows."""
_APPLICATION_ID: Final = 0x4D454554
"""'MEET', so that a file of another program is refused before it is written to."""
_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = (
    """
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        collection TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (collection, name)
    )
    """,
    "CREATE TABLE collections (name TEXT PRIMARY KEY, documents INTEGER NOT NULL)",
    "CREATE TABLE commits (last INTEGER NOT NULL)",
    "INSERT INTO commits VALUES (0)",
)


class SqliteDocuments:
    """A ``DocumentStore`` in the file at ``path``; the file is opened, or made, at the first call."""

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._file = SqliteFile(
            path,
            application_id=_APPLICATION_ID,
            schema_version=_SCHEMA_VERSION,
            schema=_SCHEMA,
            busy_seconds=busy_seconds,
        )
        self._indexed: set[str] = set()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """As SQLAlchemy reads it: ``sqlite:///relative/file`` has three slashes, ``sqlite:////absolute/file`` four."""
        parts = urlsplit(url)
        path = unquote(parts.path.removeprefix("/"))
        if parts.netloc or parts.query or parts.fragment or not path:
            raise StoreRefused(
                f"{url}: write sqlite:///relative/file (three slashes) or sqlite:////absolute/file (four)"
            )
        return cls(Path(path))

    def check(self) -> None:
        """Commits, so that a full disk or a file that can only be read is found now and not at the first document."""
        with self._file.writing() as writer:
            _next_version(writer)

    def get(
        self, collection: str, names: Iterable[str], *, only: Sequence[str] | None = None
    ) -> Mapping[str, Document]:
        """See ``DocumentStore.get``; with ``only``, SQLite takes the fields out of the text, Python parses no body."""
        limits.check_collection(collection)
        limits.check_fields(only or ())
        columns = ["body"] if only is None else [f"body -> '$.{field}'" for field in only]
        wanted = list(dict.fromkeys(names))
        found: dict[str, Document] = {}
        with self._file.reading() as reader:
            for start in range(0, len(wanted), _NAMES_A_SELECT):
                part = wanted[start : start + _NAMES_A_SELECT]
                for name, version, *values in reader.execute(
                    f"SELECT {', '.join(['name', 'version', *columns])} FROM documents "
                    f"WHERE collection = ? AND name IN ({','.join('?' * len(part))})",
                    (collection, *part),
                ):
                    fields = msgspec.json.decode(values[0]) if only is None else _selected(only, values)
                    found[name] = Document(name, fields, str(version))
        return found

    def commit(self, writes: Sequence[Write]) -> None:
        """See ``DocumentStore.commit``; on the disk when this returns."""
        limits.check_writes(writes)
        if not writes:
            return
        bodies = ["" if isinstance(write, Delete) else _body(write.fields) for write in writes]
        more: Counter[str] = Counter()
        with self._file.writing() as writer:
            version = _next_version(writer)
            created = [(write, body) for write, body in zip(writes, bodies, strict=True) if isinstance(write, Create)]
            _create(writer, created, version)
            more.update(write.collection for write, _ in created)
            for write, body in zip(writes, bodies, strict=True):
                if not isinstance(write, Create):
                    more[write.collection] += _apply(writer, write, body, version)
            writer.executemany(
                "INSERT INTO collections VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET documents = documents + excluded.documents",
                [(collection, change) for collection, change in more.items() if change],
            )

    def query(
        self, collection: str, *, where: AtMost | None = None, order_by: Sequence[str] = (), limit: int
    ) -> Sequence[Document]:
        """See ``DocumentStore.query``."""
        limits.check_query(collection, where, order_by, limit)
        order = [*order_by, *([where.field] if where and where.field not in order_by else [])]
        self._index(collection, order)
        with self._file.reading() as reader:
            rows = list(queries.select(reader, collection, order, where, limit))
        return [Document(name, msgspec.json.decode(body), str(version)) for name, version, body in rows]

    def page(self, collection: str, *, after: str = "", limit: int) -> Sequence[Document]:
        """See ``DocumentStore.page``; answered by the index of the names."""
        limits.check_page(collection, after, limit)
        with self._file.reading() as reader:
            rows = list(queries.page(reader, collection, after, limit))
        return [Document(name, msgspec.json.decode(body), str(version)) for name, version, body in rows]

    def count(self, collection: str) -> int:
        """See ``DocumentStore.count``; reads one row."""
        limits.check_collection(collection)
        with self._file.reading() as reader:
            row = reader.execute("SELECT documents FROM collections WHERE name = ?", (collection,)).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Let go of the file; a commit under way ends first."""
        self._file.close()

    def _index(self, collection: str, order: Sequence[str]) -> None:
        name = queries.index_name(collection, order)
        if order and name not in self._indexed:
            with self._file.writing() as writer:
                writer.execute(queries.create_index(collection, order))
            self._indexed.add(name)


def _body(fields: Fields) -> str:
    """``limits`` has seen to it that there is nothing in them that JSON does not have."""
    return msgspec.json.encode(fields if isinstance(fields, dict) else dict(fields)).decode()


def _selected(only: Sequence[str], values: Sequence[str | None]) -> dict[str, Any]:
    """The fields that are there: an absent one is NULL, one that holds None is the text ``null``."""
    return {field: msgspec.json.decode(value) for field, value in zip(only, values, strict=True) if value is not None}


def _next_version(writer: sqlite3.Connection) -> int:
    (version,) = writer.execute("UPDATE commits SET last = last + 1 RETURNING last").fetchone()
    return int(version)


def _create(writer: sqlite3.Connection, created: Sequence[tuple[Create, str]], version: int) -> None:
    """All in one statement, because each accepted id is one of these; raise ``Conflict`` if any is there already."""
    rows = [(write.collection, write.name, version, body) for write, body in created]
    if rows and writer.executemany(_INSERT, rows).rowcount < len(rows):
        what = rows[0][1] if len(rows) == 1 else f"at least one of {len(rows)} documents"
        raise Conflict(f"{what} is there already")


def _apply(writer: sqlite3.Connection, write: Put | Delete, body: str, version: int) -> int:
    """Do the write and return by how many the collection has grown; raise ``Conflict`` if it may not be done."""
    key = (write.collection, write.name)
    match write:
        case Put(expected_version=None):
            if _update(writer, "collection = ? AND name = ?", key, body, version):
                return 0
            return writer.execute(_INSERT, (*key, version, body)).rowcount
        case Put(expected_version=str(expected)):
            if not _update(writer, _STILL, (*key, expected), body, version):
                raise Conflict(f"{write.collection} {write.name} was written by someone else")
            return 0
        case Delete(expected_version=None):
            return -writer.execute("DELETE FROM documents WHERE collection = ? AND name = ?", key).rowcount
        case Delete(expected_version=str(expected)):
            if not writer.execute(f"DELETE FROM documents WHERE {_STILL}", (*key, expected)).rowcount:
                raise Conflict(f"{write.collection} {write.name} was written by someone else")
            return -1
        case _:
            raise TypeError(f"{type(write).__name__} is not a write")


_INSERT: Final = "INSERT INTO documents (collection, name, version, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_STILL: Final = "collection = ? AND name = ? AND CAST(version AS TEXT) = ?"


def _update(writer: sqlite3.Connection, where: str, key: tuple[str, ...], body: str, version: int) -> int:
    return writer.execute(
        f"UPDATE documents SET version = ?, body = ? WHERE {where}",
        (version, body, *key),
    ).rowcount

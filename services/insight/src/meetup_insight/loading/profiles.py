"""Loads profiles from the document store: those that are new or have changed, and forgets those that are gone.

The store is read as a whole, since it can tell nobody what has changed; what has not is known by its version.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from meetupkit.integers import INT64
from meetupkit.retry import call_policy
from meetupkit.stores.documents.protocol import Document, DocumentStore

from meetup_insight.loading.parts import topics_of
from meetup_insight.loading.staging import insert_new
from meetup_insight.loading.values import Unreadable, at, coerced
from meetup_insight.schema import Kind, Table
from meetup_insight.schema.tables import (
    GROUP_PROFILE_TOPICS,
    GROUP_PROFILES,
    LOADED_DOCUMENTS,
    MEMBER_PROFILE_TOPICS,
    MEMBER_PROFILES,
    MISSING_PROFILES,
    UNREADABLE,
)
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Append, Change, Delete, Kept, Merge
from meetup_insight.warehouse.protocol import Warehouse, relation, rows

_PROFILES_AT_ONCE: Final = 5_000
_DOCUMENTS_A_PAGE: Final = 300
"""Of the document store: profiles of 30 kB stay below 10 MB, and a call far below its deadline of 10 s."""
_TOPIC_KEY: Final = "urlkey"
MemberHash = Callable[[int | None], str | None]


@dataclass(frozen=True, slots=True)
class ProfileKind:
    """Where the enricher keeps one kind of profile, and which tables it fills."""

    name: str
    profiles: Table
    topics: Table

    @property
    def collection(self) -> str:
        """Of the profiles."""
        return self.name

    @property
    def missing(self) -> str:
        """Of the ids without a profile."""
        return f"{self.name}_missing"


KINDS: Final = (
    ProfileKind("members", MEMBER_PROFILES, MEMBER_PROFILE_TOPICS),
    ProfileKind("groups", GROUP_PROFILES, GROUP_PROFILE_TOPICS),
)


@dataclass(slots=True)
class _Batch:
    profiles: list[tuple[Any, ...]] = field(default_factory=list)
    topics: list[tuple[Any, ...]] = field(default_factory=list)
    unreadable: list[tuple[Any, ...]] = field(default_factory=list)
    books: list[tuple[str, str, str]] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)


class ProfileLoader:
    """Loads both kinds."""

    def __init__(
        self,
        warehouse: Warehouse,
        store: DocumentStore,
        member_hash: MemberHash,
        forgotten: frozenset[str],
        stopping: threading.Event,
    ) -> None:
        self._warehouse = warehouse
        self._store = store
        self._hash = member_hash
        self._forgotten = forgotten
        self._stopping = stopping

    def load(self, moving: Callable[[], None]) -> int:
        """Returns how many profiles were new or had changed."""
        changed = 0
        for kind in KINDS:
            books = relation(LOADED_DOCUMENTS)
            known = dict(rows(self._warehouse, books.filter(books.kind == kind.name).select("document", "version")))
            batch = _Batch()
            for document in self._documents(kind.collection):
                moving()
                name = self._name(kind, document)
                if known.pop(name, None) != document.version and self._take(kind, name, document, batch):
                    changed += 1
                if len(batch.keys) >= _PROFILES_AT_ONCE:
                    self._write(kind, batch)
                    batch = _Batch()
            self._write(kind, batch)
            self._remove(kind, list(known))
            self._count_missing(kind)
        return changed

    def _documents(self, collection: str) -> Iterator[Document]:
        """All of a collection, in order of their names; each page is a call of its own, tried again by itself."""
        after = ""
        while page := self._page(collection, after):
            yield from page
            after = page[-1].name

    def _page(self, collection: str, after: str) -> Sequence[Document]:
        policy = call_policy("documents", stopping=self._stopping)
        return policy(self._store.page, collection, after=after, limit=_DOCUMENTS_A_PAGE)

    def _name(self, kind: ProfileKind, document: Document) -> str:
        """The document's name in the books: a member's must not tell who it is."""
        if kind.profiles is not MEMBER_PROFILES:
            return document.name
        number = document.name.removeprefix("m")
        return (self._hash(int(number)) if number.isdecimal() and len(number) < 19 else None) or "unnamed"

    def _take(self, kind: ProfileKind, name: str, document: Document, batch: _Batch) -> bool:
        profile = document.fields.get("profile")
        if not isinstance(profile, dict):
            return False
        faults: list[str] = []
        values = [
            self._value(column.kind, at(profile, column.path), column.name, faults)
            for column in kind.profiles.columns[:-1]
        ]
        key = values[0]
        if key is None or key in self._forgotten:
            return False
        fetched = self._value(Kind.TIME, document.fields.get("fetched_at"), "fetched", faults)
        batch.profiles.append((*values, fetched))
        ids = _topic_ids(profile.get("topics"))
        topics = topics_of(profile.get("topics"), _TOPIC_KEY, "name", faults)
        batch.topics += [(key, topic, label, ids.get(topic)) for topic, label in topics]
        digest = int.from_bytes(hashlib.blake2b(json.dumps(profile, sort_keys=True).encode(), digest_size=7).digest())
        batch.unreadable += [(kind.name, str(key), fetched, digest, each) for each in faults]
        batch.books.append((kind.name, name, document.version))
        batch.keys.append(key)
        return True

    def _value(self, kind: Kind, value: Any, name: str, faults: list[str]) -> Any:
        try:
            found = coerced(kind, value)
        except Unreadable:
            faults.append(name)
            return None
        return self._hash(found) if kind is Kind.MEMBER else found

    def _write(self, kind: ProfileKind, batch: _Batch) -> None:
        if not batch.keys:
            return
        self._warehouse.write(
            [
                *_deleted(kind, batch.keys, [name for _, name, _ in batch.books]),
                Append(kind.profiles, arrow(kind.profiles, batch.profiles)),
                Append(kind.topics, arrow(kind.topics, batch.topics)),
                insert_new(UNREADABLE, batch.unreadable),
                Append(LOADED_DOCUMENTS, arrow(LOADED_DOCUMENTS, batch.books)),
            ]
        )

    def _remove(self, kind: ProfileKind, names: list[str]) -> None:
        """Profiles that are gone from the store."""
        if not names:
            return
        member = kind.profiles is MEMBER_PROFILES
        keys = names if member else [int(n) for name in names if (n := name.lstrip("mg")).isdecimal()]
        self._warehouse.write(_deleted(kind, keys, names))

    def _count_missing(self, kind: ProfileKind) -> None:
        count = call_policy("documents", stopping=self._stopping)(self._store.count, kind.missing)
        found = arrow(MISSING_PROFILES, [(kind.name, count)])
        self._warehouse.write([Merge(MISSING_PROFILES, found, ("kind",), {"ids": Kept.NEW})])


def _deleted(kind: ProfileKind, keys: list[Any], names: list[str]) -> list[Change]:
    column = kind.profiles.columns[0].name
    books = [(name, kind.name) for name in names]
    return [
        *(Delete(table, arrow(table, [(key,) for key in keys], (column,))) for table in (kind.profiles, kind.topics)),
        Delete(LOADED_DOCUMENTS, arrow(LOADED_DOCUMENTS, books, ("document", "kind"))),
    ]


def _topic_ids(found: object) -> dict[str, int]:
    ids = {}
    for each in found if isinstance(found, list) else []:
        if isinstance(each, dict) and isinstance(each.get(_TOPIC_KEY), str) and type(each.get("id")) is int:
            ids[each[_TOPIC_KEY]] = each["id"] if abs(each["id"]) < INT64 else None
    return {key: number for key, number in ids.items() if number is not None}

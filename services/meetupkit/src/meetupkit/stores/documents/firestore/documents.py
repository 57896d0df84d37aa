"""Documents in Cloud Firestore (native mode), or in its emulator if ``FIRESTORE_EMULATOR_HOST`` names one.

Every method makes one try of one or more calls, each with a timeout; the client's own retries are off, because the
caller has a retry policy. The generated client is used and not the one above it: that one cannot write a whole
document on a condition, and breaks (2.34: ``None._predicate``) when a query fails with its retries off.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from google.api_core.exceptions import DeadlineExceeded
from google.cloud.firestore_v1 import types

from meetupkit.errors import DocumentTooLarge, StoreRefused, StoreUnavailable
from meetupkit.stores.documents import AtMost, Create, Delete, Document, Write, limits
from meetupkit.stores.documents.firestore import values
from meetupkit.stores.documents.firestore.channel import SCOPES, Connection
from meetupkit.stores.documents.firestore.errors import Place, translated
from meetupkit.stores.google_credentials import CredentialsFinder

TIMEOUT_SECONDS: Final = 10.0
"""For one call: many times what the largest commit takes, and shorter than the patience of who waits for our answer."""
_NAMES_A_CALL: Final = 300
"""Documents asked for in one call: so many profiles of 30 kB stay below 10 MiB an answer."""
_REQUEST_BYTES: Final = 10 * 1024 * 1024
"""Firestore's limit of a request (https://firebase.google.com/docs/firestore/quotas)."""
_CHECK_COLLECTION: Final = "checks"
_CHECK_NAME: Final = "never-written"
_ONLY_NAMES: Final = "__name__"
"""A document's name as a field: to order by; and as a mask it fetches no field, where an empty one would fetch all."""


class FirestoreDocuments:
    """A ``DocumentStore`` in one database; connects at the first call.

    A document's version is its update time to the nanosecond, which grows with every write that changes something: a
    ``Put`` of just what is stored already is none to Firestore, and the version stays.
    """

    def __init__(self, project: str, database: str = "(default)", *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._place = Place(project, database)
        self._root = f"projects/{project}/databases/{database}"
        self._timeout_seconds = timeout_seconds
        self._credentials = CredentialsFinder(SCOPES)
        self._connecting = threading.Lock()
        self._connection: Connection | None = None
        self._closed = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        """``firestore://project`` is the project's default database, ``firestore://project/database`` another one."""
        parts = urlsplit(url)
        database = unquote(parts.path.removeprefix("/")) or "(default)"
        if not parts.netloc or "/" in database or "@" in parts.netloc or parts.query or parts.fragment:
            raise StoreRefused(f"{url}: write firestore://project or firestore://project/database")
        return cls(parts.netloc, database)

    def check(self) -> None:
        """Asks for a token, deletes a document that never was and reads it: all rights needed, and nothing is left."""
        with self._calling() as connection:
            connection.check_credentials()
        self.commit([Delete(_CHECK_COLLECTION, _CHECK_NAME)])
        self.get(_CHECK_COLLECTION, [_CHECK_NAME])

    def get(
        self, collection: str, names: Iterable[str], *, only: Sequence[str] | None = None
    ) -> Mapping[str, Document]:
        """See ``DocumentStore.get``; a document found costs a read, and so does one that is not there."""
        limits.check_collection(collection)
        limits.check_fields(only or ())
        wanted = iter(dict.fromkeys(names))
        mask = None if only is None else {"field_paths": list(only) or [_ONLY_NAMES]}
        found: dict[str, Document] = {}
        while part := list(islice(wanted, _NAMES_A_CALL)):
            paths = [self._path(collection, name) for name in part]
            request = {"database": self._root, "documents": paths, "mask": mask}
            with self._calling() as connection:
                for answer in connection.client.batch_get_documents(request, **self._options(connection)):
                    message = types.BatchGetDocumentsResponse.pb(answer)
                    if message.HasField("found"):
                        document = values.to_document(message.found)
                        found[document.name] = document
        return found

    def commit(self, writes: Sequence[Write]) -> None:
        """See ``DocumentStore.commit``; costs a write for each ``Put`` and ``Create``, a delete for each ``Delete``."""
        limits.check_writes(writes)
        if not writes:
            return
        request = types.CommitRequest.pb()(database=self._root)
        for write in writes:
            self._add(request.writes.add(), write)
        if request.ByteSize() > _REQUEST_BYTES:
            raise DocumentTooLarge(f"{len(writes)} writes have {request.ByteSize()} bytes, at most {_REQUEST_BYTES}")
        with self._calling(writes) as connection:
            connection.client.commit(types.CommitRequest.wrap(request), **self._options(connection))

    def query(
        self, collection: str, *, where: AtMost | None = None, order_by: Sequence[str] = (), limit: int
    ) -> Sequence[Document]:
        """See ``DocumentStore.query``; costs a read for each document found, and one if there is none.

        Two fields need a composite index, which the emulator does not and the real one does:
        ``k8s/gcp/firestore.indexes.json``.
        """
        limits.check_query(collection, where, order_by, limit)
        order = [*order_by, *([where.field] if where and where.field not in order_by else [])]
        query: dict[str, Any] = {
            "from_": [{"collection_id": collection}],
            "order_by": [{"field": {"field_path": field}, "direction": "ASCENDING"} for field in order],
            "limit": limit,
        }
        if where:
            query["where"] = {
                "field_filter": {
                    "field": {"field_path": where.field},
                    "op": "LESS_THAN_OR_EQUAL",
                    "value": {"double_value": where.limit},
                }
            }
        return self._found(query)

    def page(self, collection: str, *, after: str = "", limit: int) -> Sequence[Document]:
        """See ``DocumentStore.page``; costs a read for each document found, and one if there is none."""
        limits.check_page(collection, after, limit)
        query: dict[str, Any] = {
            "from_": [{"collection_id": collection}],
            "order_by": [{"field": {"field_path": _ONLY_NAMES}, "direction": "ASCENDING"}],
            "limit": limit,
        }
        if after:
            query["start_at"] = {"values": [{"reference_value": self._path(collection, after)}], "before": False}
        return self._found(query)

    def _found(self, query: Mapping[str, Any]) -> list[Document]:
        request = {"parent": f"{self._root}/documents", "structured_query": query}
        with self._calling() as connection:
            answers = connection.client.run_query(request, **self._options(connection))
            messages = (types.RunQueryResponse.pb(answer) for answer in answers)
            return [values.to_document(message.document) for message in messages if message.HasField("document")]

    def count(self, collection: str) -> int:
        """See ``DocumentStore.count``; costs one read per 1,000 documents, so call it at most once per minute."""
        limits.check_collection(collection)
        request = {
            "parent": f"{self._root}/documents",
            "structured_aggregation_query": {
                "structured_query": {"from_": [{"collection_id": collection}]},
                "aggregations": [{"alias": "documents", "count": {}}],
            },
        }
        with self._calling() as connection:
            for answer in connection.client.run_aggregation_query(request, **self._options(connection)):
                message = types.RunAggregationQueryResponse.pb(answer)
                if message.HasField("result"):
                    return int(message.result.aggregate_fields["documents"].integer_value)
        raise StoreUnavailable(f"{self._place} did not answer how many documents there are")

    def close(self) -> None:
        """End the calls under way, which raise ``StoreUnavailable`` as every later one does."""
        with self._connecting:
            self._closed = True
            if self._connection:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _calling(self, writes: Sequence[Write] = ()) -> Iterator[Connection]:
        with translated(self._place, writes):
            with self._connecting:
                if self._closed:
                    raise StoreUnavailable(f"{self._place} is closed")
                if self._connection is None:
                    self._connection = Connection(self._root, self._credentials)
                connection = self._connection
            began = time.monotonic()
            try:
                yield connection
            except DeadlineExceeded:
                self._leave_if_silent(connection, began)
                raise
            except ValueError as error:  # gRPC's word for a channel that was closed under the call
                if self._connection is connection:
                    raise
                raise StoreUnavailable(f"{self._place} is closed") from error
            connection.answered_at = time.monotonic()

    def _leave_if_silent(self, connection: Connection, began: float) -> None:
        """A call had no answer, and no other had one since it began: the next call connects anew.

        The peer may have vanished without a word. TCP takes a quarter of an hour to notice, gRPC's keepalive 40 s, and
        each call until then would wait in vain.
        """
        with self._connecting:
            if self._connection is connection and connection.answered_at < began:
                self._connection = None
                connection.close()

    def _options(self, connection: Connection) -> dict[str, Any]:
        return {"retry": None, "timeout": self._timeout_seconds, "metadata": connection.metadata}

    def _path(self, collection: str, name: str) -> str:
        return f"{self._root}/documents/{collection}/{name}"

    def _add(self, message: Any, write: Write) -> None:
        """Write one of ours into a Write message."""
        path = self._path(write.collection, write.name)
        if isinstance(write, Delete):
            message.delete = path
        else:
            message.update.name = path
            values.set_fields(message.update, write.fields)
        if isinstance(write, Create):
            message.current_document.exists = False
        elif write.expected_version is not None:
            values.set_version(message.current_document.update_time, write.expected_version)

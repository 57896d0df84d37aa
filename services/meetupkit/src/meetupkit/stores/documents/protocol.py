"""What every store of documents does: JSON objects under a collection and a name, written in atomic commits.

The protocol is the part of Firestore that the services need, so one contract test covers both back ends.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

Fields = Mapping[str, Any]
"""What a JSON object holds: text, whole numbers of 64 bits, finite floats, booleans, None, lists and objects of these.

``meetupkit.stores.documents.limits`` has the bounds, which hold for every back end.
"""

MAX_WRITES: Final = 500
"""Writes in one commit: the number Firestore's clients were long held to, and few enough for its 10 MiB a request."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it is stored.

    ``version`` changes with every write that changes the document; to write again just what is stored may leave it.
    """

    name: str
    fields: Fields
    version: str


@dataclass(frozen=True, slots=True)
class Put:
    """Write the whole document, whether it is there or not; with a version, only while it still has that version."""

    collection: str
    name: str
    fields: Fields
    expected_version: str | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Write the document only if there is none."""

    collection: str
    name: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the document if it is there; with a version, only while it still has that version."""

    collection: str
    name: str
    expected_version: str | None = None


Write = Put | Create | Delete


@dataclass(frozen=True, slots=True)
class AtMost:
    """A condition of a query: the field is a number of at most ``limit``; absent, None and text are left out."""

    field: str
    limit: float


class DocumentStore(Protocol):
    """Every method raises ``StoreUnavailable`` (try again later) or ``StoreRefused`` (operator action required).

    A method tries once: how often and how long to retry is its caller's to say (``meetupkit.retry``).
    """

    def check(self) -> None:
        """Whether the store can be read and written now; for the start of a service."""

    def get(
        self, collection: str, names: Iterable[str], *, only: Sequence[str] | None = None
    ) -> Mapping[str, Document]:
        """The documents that are there, by name; ``only`` names the top-level fields to fetch, if not all."""

    def commit(self, writes: Sequence[Write]) -> None:
        """All of the writes or none of them, durable when this returns; at most ``MAX_WRITES``, one a document.

        Raises ``Conflict`` when a ``Create`` finds a document or an expected version has gone, ``DocumentTooLarge``
        when a document is beyond what the back end can ever hold, and its parent ``DocumentRefused`` when something
        else in the document can never be stored (``limits``). An error that names no document may mean the
        commit as a whole: commit fewer at once.

        ``StoreUnavailable`` says that the answer is missing, not that nothing was written: the commit may have been
        applied. Tried again it is harmless with plain ``Put`` and ``Delete``; a ``Create`` or an expected version
        then raises ``Conflict`` against its own first try, so a caller reads again before it concludes that someone
        else was faster.
        """

    def query(
        self, collection: str, *, where: AtMost | None = None, order_by: Sequence[str] = (), limit: int
    ) -> Sequence[Document]:
        """Up to ``limit`` documents that fulfil the condition, in ascending order of the named top-level fields.

        The condition's field orders too, after those named; equal documents come in the order of their names. All
        these fields hold numbers or text; a document without one of them is left out.
        """

    def page(self, collection: str, *, after: str = "", limit: int) -> Sequence[Document]:
        """Up to ``limit`` documents in the order of their names, beginning with the first name after ``after``.

        Page by page, with the last name of one as ``after`` of the next, a whole collection is read in bounded memory:
        every document that is there throughout comes once.
        """

    def count(self, collection: str) -> int:
        """How many documents the collection holds."""

    def close(self) -> None:
        """Let go of connections and files."""

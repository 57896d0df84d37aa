"""A document store behind a network that fails: a real store, whose answers get lost and which goes away, as asked."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from meetupkit.errors import StoreUnavailable
from meetupkit.stores.documents import AtMost, Document, DocumentStore, Write


class FaultyStore:
    """A ``DocumentStore``."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._loses: Callable[[Write], bool] | None = None
        self._goes_away = self._applies = False
        self.away = False
        """While it is, every call is refused."""
        self.answers = threading.Event()
        """While it is cleared, no call returns."""
        self.answers.set()
        self.lost = 0
        """Commits that were not answered."""

    def lose_an_answer(
        self, with_write: Callable[[Write], bool], *, applied: bool = True, then_away: bool = False
    ) -> None:
        """Do not answer the next commit that has such a write, and apply it or not; ``then_away``: nor what follows."""
        self._loses, self._applies, self._goes_away = with_write, applied, then_away

    def check(self) -> None:
        self._reach()
        self._store.check()

    def get(
        self, collection: str, names: Iterable[str], *, only: Sequence[str] | None = None
    ) -> Mapping[str, Document]:
        self._reach()
        return self._store.get(collection, names, only=only)

    def commit(self, writes: Sequence[Write]) -> None:
        self._reach()
        if not (self._loses and any(map(self._loses, writes))):
            return self._store.commit(writes)
        if self._applies:
            self._store.commit(writes)
        self._loses, self.away = None, self._goes_away
        self.lost += 1
        raise StoreUnavailable("the answer was lost")

    def query(
        self, collection: str, *, where: AtMost | None = None, order_by: Sequence[str] = (), limit: int
    ) -> Sequence[Document]:
        self._reach()
        return self._store.query(collection, where=where, order_by=order_by, limit=limit)

    def page(self, collection: str, *, after: str = "", limit: int) -> Sequence[Document]:
        self._reach()
        return self._store.page(collection, after=after, limit=limit)

    def count(self, collection: str) -> int:
        self._reach()
        return self._store.count(collection)

    def close(self) -> None:
        self._store.close()

    def _reach(self) -> None:
        self.answers.wait()
        if self.away:
            raise StoreUnavailable("the store is unavailable")

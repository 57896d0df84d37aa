"""Reads many objects, several at once where each waits on a network, in order and in bounded memory.

The one way for whoever reads many: the writer of an hour's segments, the report on the ledger, the readers of a feed.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from meetupkit.errors import ObjectRefused
from meetupkit.stores.objects.protocol import ObjectStore, StoredObject

AHEAD_BYTES: Final = 16 * 1024 * 1024
"""Read and not yet taken, as far as the largest object so far can tell: one full segment, or a thousand small ones."""
_FIRST: Final = 4
"""At once, before any size is known; doubled with each object that turns out to be small."""

Found = StoredObject | ObjectRefused | None
"""The object; why it is not read, if it is too large or none; ``None`` if there is none."""


def read_all(store: ObjectStore, names: Iterable[str], *, most: int) -> Iterator[tuple[str, Found]]:
    """Each name and what is there, in the order of the names; raises the store's own errors where they come.

    ``most`` bounds each object, in bytes. ``names`` may be endless: it is taken as its objects are.
    """
    if store.concurrency == 1:
        for name in names:
            yield name, _read(store, name, most)
        return
    pool = ThreadPoolExecutor(store.concurrency, "read")
    try:
        yield from _in_order(pool, store, iter(names), most)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor, store: ObjectStore, names: Iterator[str], most: int
) -> Iterator[tuple[str, Found]]:
    under_way: deque[tuple[str, Future[Found]]] = deque()
    at_once, largest = min(_FIRST, store.concurrency), 1
    while True:
        while len(under_way) < at_once and (name := next(names, None)) is not None:
            under_way.append((name, pool.submit(_read, store, name, most)))
        if not under_way:
            return
        name, reading = under_way.popleft()
        found = reading.result()
        if isinstance(found, StoredObject):
            largest = max(largest, len(found.body))
        at_once = max(1, min(2 * at_once, store.concurrency, AHEAD_BYTES // largest))
        yield name, found


def _read(store: ObjectStore, name: str, most: int) -> Found:
    try:
        return store.read(name, most=most)
    except ObjectRefused as error:
        return error

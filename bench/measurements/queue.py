"""The enricher's queue by its length: what is due next, and how many wait."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from meetup_enricher.kinds import GROUPS, MEMBERS, Collections
from meetup_enricher.queueing.queue import NEW, Entry, Queue
from meetup_testkit.emulators.firestore import FirestoreEmulator, find_command
from meetupkit.stores import open_documents
from meetupkit.stores.documents import DocumentStore

from bench.measurement import Row
from bench.workbench import Workbench

_LENGTHS: Final = (1_000, 20_000)
_QUEUES: Final = (Collections(MEMBERS, "members", "m"), Collections(GROUPS, "groups", "g"))
"""One for each length."""
_TAKEN: Final = 200
"""As many as one call of Meetup's API looks up."""
_COMMIT: Final = 400
_TIMES: Final = 10


def queue(bench: Workbench) -> Iterable[Row]:
    """Both back ends, at two lengths: the second tells whether it grows."""
    yield from _rows(bench, "SQLite", f"sqlite:///{bench.new_folder()}/documents.sqlite", "An index.")
    command = find_command()
    if isinstance(command, str):
        yield Row("queue of the enricher, Firestore", "flat, or a reason", f"not measured: {command}", "")
        return
    with _emulator(command) as address:
        yield from _rows(
            bench,
            "Firestore's emulator",
            address,
            "The emulator has no indexes and reads the whole collection. Firestore reads the composite index as far as "
            f"{_TAKEN} entries, and counts at one read per 1,000.",
        )


def _rows(bench: Workbench, what: str, address: str, limit: str) -> Iterator[Row]:
    store = open_documents(address)
    store.check()
    pairs = zip(_QUEUES, _LENGTHS, strict=True)
    figures = [_figures(store, collections, bench.scaled(length)) for collections, length in pairs]
    store.close()
    lengths = " and ".join(f"{bench.scaled(length):,}" for length in _LENGTHS)
    yield Row(
        f"queue of the enricher, {what}, {lengths} ids: what is due next, how many wait, and that asked ten times",
        "flat, or a reason",
        "; ".join(
            f"{due:.1f}, {first:.1f}, {ten:.1f} ms ({found} documents read)" for due, first, ten, found in figures
        ),
        limit,
    )


def _figures(store: DocumentStore, collections: Collections, length: int) -> tuple[float, float, float, int]:
    """Milliseconds of each, and how many documents came for what is due."""
    waiting = Queue(store, collections, lease_seconds=60)
    for first in range(0, length, _COMMIT):
        waiting.enqueue([Entry(each, NEW) for each in range(first + 1, min(length, first + _COMMIT) + 1)])
    found = len(waiting.due(_TAKEN))
    due = _milliseconds(lambda: waiting.due(_TAKEN))
    return due, _milliseconds(waiting.waiting), _milliseconds(lambda: [waiting.waiting() for _ in range(_TIMES)]), found


def _milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


@contextmanager
def _emulator(command: list[str]) -> Iterator[str]:
    with FirestoreEmulator(command) as emulator:
        os.environ["FIRESTORE_EMULATOR_HOST"] = emulator.host
        try:
            yield "firestore://bench"
        finally:
            del os.environ["FIRESTORE_EMULATOR_HOST"]

"""How fast the alert webhook forgets: claims that have run out, removed from a table that holds many more."""

import time
from collections.abc import Iterable
from pathlib import Path

from meetup_alert_webhook.delivery.claims import CLAIMS, Claims
from meetupkit.stores import open_documents
from meetupkit.stores.documents import Create, DocumentStore

from bench.measurement import Row
from bench.workbench import Workbench

_NOW = 1_800_000_000.0
_COMMIT = 400


def claims(bench: Workbench) -> Iterable[Row]:
    """By batches, as the service does, at two sizes of the table: the second tells whether it grows."""
    rates = [_purged_per_second(bench.new_folder(), bench.scaled(size)) for size in (20_000, 100_000)]
    yield Row(
        "alert webhook: claims that have run out, removed per second from a table of 20,000 and of 100,000 (SQLite)",
        "more than alerts can come (some hundreds)",
        ", ".join(f"{rate:,.0f}" for rate in rates),
        "A query by the index, and a commit for every 400; the service removes up to 2,000 per second.",
    )


def _purged_per_second(folder: Path, size: int) -> float:
    store = open_documents(f"sqlite:///{folder}/state.sqlite")
    _fill(store, size // 2, until=_NOW)
    _fill(store, size // 2, until=_NOW + 3600)
    ours = Claims(store, replica="bench", window_seconds=3600, claim_seconds=60, clock=lambda: _NOW)
    began = time.perf_counter()
    while ours.purge():
        pass
    seconds = time.perf_counter() - began
    left = store.count(CLAIMS)
    store.close()
    if left != size // 2:
        raise RuntimeError(f"{left} claims are left of {size}, of which half have run out")
    return (size // 2) / seconds


def _fill(store: DocumentStore, count: int, *, until: float) -> None:
    for first in range(0, count, _COMMIT):
        some = range(first, min(first + _COMMIT, count))
        store.commit([Create(CLAIMS, f"{int(until)}-{number}", {"expires_at": until}) for number in some])

"""One build, from the first object to the published folder; killed anywhere and repeated, it gives the same tables."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

import pyarrow as pa
from meetupkit.stores import open_documents, open_objects

from meetup_insight.building import forgetting
from meetup_insight.errors import WarehouseRefused
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.loading.ledger import load_ledgers
from meetup_insight.loading.objects import Reader
from meetup_insight.loading.profiles import ProfileLoader
from meetup_insight.loading.record_loader import Loaded, load_records
from meetup_insight.loading.zones import load_zones
from meetup_insight.marts.catalogue import MARTS
from meetup_insight.marts.materialization import make_marts
from meetup_insight.predicting import inputs
from meetup_insight.predicting.inputs import Denied
from meetup_insight.predicting.prediction_tables import PREDICTED
from meetup_insight.predicting.predictions import make_predictions
from meetup_insight.publishing.bundle import Manifest, publish
from meetup_insight.publishing.rules import publishable
from meetup_insight.schema import Seen, Table
from meetup_insight.schema.tables import BUILDS, SCHEMA_VERSION
from meetup_insight.settings import InsightSettings
from meetup_insight.warehouse.arrow_rows import arrow
from meetup_insight.warehouse.changes import Append
from meetup_insight.warehouse.opening import open_warehouse
from meetup_insight.warehouse.protocol import Warehouse, counts, relation, setting

log = logging.getLogger(__name__)

PUBLISHED: Final[tuple[Table, ...]] = tuple(
    table for table in (*(mart.table for mart in MARTS), *PREDICTED) if table.seen is Seen.PUBLISHED
)
ALL_TABLES: Final[tuple[Table, ...]] = (*(mart.table for mart in MARTS), *PREDICTED)
"""What a build makes anew."""


def build(
    settings: InsightSettings, *, stopping: threading.Event | None = None, moving: Callable[[], None] = lambda: None
) -> Manifest:
    """Raises what the stores and the warehouse raise; what was loaded until then is kept."""
    stopping = stopping or threading.Event()
    started = time.time()
    member_hash = MemberHash(settings.hash_key.get_secret_value())
    warehouse = open_warehouse(settings.warehouse, memory=settings.memory, threads=settings.threads)
    try:
        warehouse.prepare()
        _check_made_with(warehouse, member_hash)
        gone = forgetting.apply(warehouse, forgetting.forgotten(settings.forgotten_file))
        loaded = _load(settings, warehouse, member_hash, gone, stopping, moving)
        make_marts(warehouse)
        moving()
        without, newest = inputs.denied(warehouse), inputs.newest(warehouse)
        make_predictions(warehouse, without, newest, settings.learn_share, moving)
        tables = dict(_publishable(warehouse, without))
        manifest = _manifest(warehouse, started, loaded, newest)
        publish(settings.published_folder, tables, manifest)
        _note(warehouse, manifest)
        return manifest
    finally:
        warehouse.close()


def _check_made_with(warehouse: Warehouse, member_hash: MemberHash) -> None:
    for name, value, what in (
        ("schema", SCHEMA_VERSION, "by another version"),
        ("key", member_hash.fingerprint, "with another hash key"),
    ):
        if setting(warehouse, name, value) != value:
            raise WarehouseRefused(f"{warehouse.place} was made {what}: {warehouse.anew}")


def _load(
    settings: InsightSettings,
    warehouse: Warehouse,
    member_hash: MemberHash,
    gone: frozenset[str],
    stopping: threading.Event,
    moving: Callable[[], None],
) -> Loaded:
    store = open_objects(settings.objects)
    try:
        reader = Reader(store, stopping)
        loaded = load_records(warehouse, reader, settings.label_of, member_hash, gone, moving)
        load_ledgers(warehouse, reader, settings.label_of)
    finally:
        store.close()
    if settings.documents:
        documents = open_documents(settings.documents)
        try:
            loaded.objects += ProfileLoader(warehouse, documents, member_hash, gone, stopping).load(moving)
        finally:
            documents.close()
    load_zones(warehouse)
    moving()
    return loaded


def _publishable(warehouse: Warehouse, without: Denied) -> Iterator[tuple[str, pa.Table]]:
    """By name."""
    for table in PUBLISHED:
        rows = warehouse.read(relation(table).order_by(list(table.key)))
        yield table.name, publishable(table, rows.cast(table.arrow), without)


def _manifest(warehouse: Warehouse, started: float, loaded: Loaded, newest: datetime | None) -> Manifest:
    of = counts(warehouse, ALL_TABLES)
    until = newest.timestamp() if newest else None
    return Manifest(started, time.time(), loaded.objects, loaded.versions, of, until)


def _note(warehouse: Warehouse, done: Manifest) -> None:
    times = (int(done.started_at * 1e3), int(done.finished_at * 1e3))
    warehouse.write([Append(BUILDS, arrow(BUILDS, [(*times, done.objects, done.versions)]))])

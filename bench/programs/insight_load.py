"""Loads a store's records into a new warehouse, as ``meetup-insight build`` does. ``insight_load.py OBJECTS FILE``

A few records come first, into another warehouse: what is imported when it is needed is no part of the figure.
"""

import json
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

from isal import igzip
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.loading.objects import Reader
from meetup_insight.loading.record_loader import load_records
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse
from meetupkit.stores import open_objects

_LINE = b'{"rsvp_id":1,"mtime":1,"member":{"member_id":4},"group":{"group_id":3,"group_topics":[{"urlkey":"a"}]}}\n'


def load(objects: Path, file: Path) -> int:
    """The number of versions."""
    warehouse = DuckDbWarehouse(file)
    warehouse.prepare()
    reader = Reader(open_objects(objects.as_uri()), threading.Event())
    loaded = load_records(
        warehouse, reader, {}, MemberHash("a key of bench, and of no other"), frozenset(), lambda: None
    )
    warehouse.close()
    return loaded.versions


with tempfile.TemporaryDirectory() as folder:
    few = Path(folder) / "objects/rsvps/2017-03-19/12/a.ndjson.gz"
    few.parent.mkdir(parents=True)
    few.write_bytes(igzip.compress(_LINE))
    load(Path(folder) / "objects", Path(folder) / "few.duckdb")
began, cpu = time.time(), time.process_time()
records = load(Path(sys.argv[1]), Path(sys.argv[2]))
used = {"seconds": time.time() - began, "cpu_seconds": time.process_time() - cpu}
print(json.dumps({"records": records, **used, "resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))

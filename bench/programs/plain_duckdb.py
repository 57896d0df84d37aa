"""The same segments by DuckDB alone, columns declared: no key, no rejects. ``plain_duckdb.py OBJECTS FILE``"""

import json
import resource
import sys
import time

import duckdb

_COLUMNS = {
    "rsvp_id": "BIGINT",
    "mtime": "BIGINT",
    "response": "VARCHAR",
    "guests": "BIGINT",
    "visibility": "VARCHAR",
    "member": "STRUCT(member_id BIGINT)",
    "event": 'STRUCT(event_id VARCHAR, event_name VARCHAR, "time" BIGINT)',
    "group": "STRUCT(group_id BIGINT, group_name VARCHAR, group_urlname VARCHAR, group_city VARCHAR,"
    " group_state VARCHAR, group_country VARCHAR, group_lat DOUBLE, group_lon DOUBLE,"
    " group_topics STRUCT(urlkey VARCHAR, topic_name VARCHAR)[])",
    "venue": "STRUCT(venue_id BIGINT, venue_name VARCHAR, lat DOUBLE, lon DOUBLE)",
}

connection = duckdb.connect(sys.argv[2], config={"memory_limit": "1GB", "threads": 2})
began, cpu = time.time(), time.process_time()
connection.read_json(f"{sys.argv[1]}/rsvps/*/*/*.gz", columns=_COLUMNS, format="newline_delimited").create("rsvps")
found = connection.execute("SELECT count(*) FROM rsvps").fetchone()
connection.close()
used = {"seconds": time.time() - began, "cpu_seconds": time.process_time() - cpu}
resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"records": found[0] if found else 0, **used, "resident": resident}))

"""The original design's caller: a record, a call, and only then the next. ``one_at_a_time.py STREAM FUNCTION COUNT``

Prints its own seconds and processor seconds, imports left out, as JSON.
"""

import json
import sys
import time

import requests

stream, function, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
session = requests.Session()
began, cpu = time.time(), time.process_time()
with requests.get(stream, stream=True, timeout=60) as response:
    for done, line in enumerate(filter(None, response.iter_lines(delimiter=b"\n")), 1):
        session.post(function, data=line, timeout=60).raise_for_status()
        if done == count:
            break
print(json.dumps({"records": count, "seconds": time.time() - began, "cpu_seconds": time.process_time() - cpu}))

"""The bare upload loop: lines of a file, a thread pool, google-cloud-storage. ``bare_uploads.py FILE COUNT THREADS``

Prints its own seconds and processor seconds, imports left out, as JSON. The client's pool has a connection a thread, as
a careful author would have it; everything else is the client's default.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

os.environ["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] = "true"  # as the stream does

from google.cloud.storage import Client
from requests.adapters import HTTPAdapter

file, count, threads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with file.open("rb") as lines:
    bodies = list(islice(lines, count))
client = Client(project=None)
client._http.mount("http://", HTTPAdapter(pool_maxsize=threads))
bucket = client.bucket("bench")


def upload(number: int) -> None:
    """One record, one object."""
    bucket.blob(f"bare/{number}.json").upload_from_string(
        bodies[number], content_type="application/json", if_generation_match=0
    )


began, cpu = time.time(), time.process_time()
with ThreadPoolExecutor(threads) as pool:
    for _ in pool.map(upload, range(len(bodies))):
        pass
print(json.dumps({"records": count, "seconds": time.time() - began, "cpu_seconds": time.process_time() - cpu}))

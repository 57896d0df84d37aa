"""The least a program can do: read a stream, write each line to a file. ``bare_files.py URL FOLDER COUNT``

Prints its own seconds and processor seconds, imports left out, as JSON.
"""

import json
import sys
import time
from pathlib import Path

import requests

url, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
folder.mkdir()
began, cpu = time.time(), time.process_time()
response = requests.get(url, stream=True, timeout=60)
rest, done = b"", 0
while done < count and (chunk := response.raw.read1(65536)):
    *lines, rest = (rest + chunk).split(b"\n")
    for line in lines:
        with open(f"{folder}/{done}.json", "xb") as file:  # noqa: PTH123  (the fastest way is what is wanted)
            file.write(line)
        done += 1
print(json.dumps({"records": done, "seconds": time.time() - began, "cpu_seconds": time.process_time() - cpu}))

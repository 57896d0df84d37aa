"""The same segments by pandas, file by file: flat columns, nothing written. ``plain_pandas.py OBJECTS``"""

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

pd = import_module("pandas")  # it brings no types, and need not be there
began, cpu = time.time(), time.process_time()
frames = []
for file in sorted(Path(sys.argv[1]).glob("rsvps/*/*/*.gz")):
    records = pd.read_json(file, lines=True, compression="gzip")
    nested = [pd.json_normalize(records[name].tolist()).add_prefix(f"{name}.") for name in ("member", "event", "group")]
    frames.append(pd.concat([records[["rsvp_id", "mtime", "response", "guests", "visibility"]], *nested], axis=1))
rows = len(pd.concat(frames, ignore_index=True))
used = {"seconds": time.time() - began, "cpu_seconds": time.process_time() - cpu}
print(json.dumps({"records": rows, **used, "resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))

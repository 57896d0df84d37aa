"""One whole build, as ``meetup-insight build``. ``insight_build.py OBJECTS FILE``"""

import json
import resource
import sys
import time

from meetup_insight.building.build import build
from meetup_insight.settings import InsightSettings

settings = InsightSettings.from_environ(
    {
        "INSIGHT_OBJECTS": f"file://{sys.argv[1]}",
        "INSIGHT_WAREHOUSE": f"duckdb:///{sys.argv[2]}",
        "INSIGHT_HASH_KEY": "a key of bench, and of no other",
    }
)
began, cpu = time.time(), time.process_time()
manifest = build(settings)
used = {"seconds": time.time() - began, "cpu_seconds": time.process_time() - cpu}
resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"records": manifest.versions, **used, "resident": resident}))

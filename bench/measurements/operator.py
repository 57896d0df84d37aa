"""The operator with 200 feeds, by its own program (``tests/operator/bench_feeds.py``)."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.measurement import Row
from bench.workbench import Workbench

_PROGRAM = Path(__file__).parents[2] / "tests/operator/bench_feeds.py"


def operator(bench: Workbench) -> Iterable[Row]:
    """Time until every feed has its Deployment and its status, and memory after."""
    feeds = bench.scaled(200)
    command = [sys.executable, str(_PROGRAM), "--feeds", str(feeds), "--settle-seconds", "20"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300)
    said = json.loads(done.stdout.splitlines()[-1])
    yield Row(
        f"feed operator, {feeds} feeds: start to all reconciled",
        "30 s",
        f"{said['reconciled_seconds']} s",
        "The API server here is a stand-in in Python, on the same two cores.",
    )
    yield Row(
        f"feed operator, {feeds} feeds: resident memory",
        "under 100 MiB",
        f"{said['resident_mib']} MiB",
        "kopf, aiohttp and prometheus-client; with 20 feeds it is 59 MiB.",
    )

"""The operator with 200 and with 1,000 feeds, by its own program (``tests/operator/bench_feeds.py``)."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from bench.measurement import Row
from bench.workbench import Workbench

_PROGRAM = Path(__file__).parents[2] / "tests/operator/bench_feeds.py"
_AIMS: Final[Mapping[int, tuple[str, str]]] = {200: ("30 s", "under 100 MiB"), 1000: ("15 s", "")}
"""By feeds: to all reconciled, and resident. The second size tells whether a feed costs more where there are many."""
_SETTLE_SECONDS: Final = 20
_MOST_SECONDS: Final = 300


def operator(bench: Workbench) -> Iterable[Row]:
    """Time until every feed has its Deployment and its status, and memory after."""
    for size, (seconds, resident) in _AIMS.items():
        feeds = bench.scaled(size)
        said = _measured(feeds)
        yield Row(
            f"feed operator, {feeds:,} feeds: start to all reconciled",
            seconds,
            f"{said['reconciled_seconds']} s; of processor time {said['operator_cpu_seconds']} s the operator's, "
            f"{said['api_cpu_seconds']} s the API server's",
            "Nine requests for each feed: three objects found absent and made, an event, a status, two pages of its "
            "pod; then five events of the watches, and the pod again after 8 s. The API server here is a stand-in in "
            "Python, on the same two cores.",
        )
        yield Row(
            f"feed operator, {feeds:,} feeds: resident memory",
            resident,
            f"{said['resident_mib']} MiB",
            "kopf, aiohttp and prometheus-client; a thread with a loop for each kind watched; what kopf and we keep of "
            "each object.",
        )


def _measured(feeds: int) -> Mapping[str, Any]:
    command = [sys.executable, str(_PROGRAM), "--feeds", str(feeds), "--settle-seconds", str(_SETTLE_SECONDS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=_MOST_SECONDS)
    said: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said

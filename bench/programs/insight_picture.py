"""A picture of insight's page over made-up records. ``insight_picture.py OUT.png [VIEW]``

The simulator's records of twenty weeks become a store; the store is built, served and photographed by Chromium.
"""

import gzip
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from meetup_insight.building.build import build
from meetup_insight.page.published import Library
from meetup_insight.page.site import Site
from meetup_insight.serving.app import create_app
from meetup_insight.serving.metrics import Metrics
from meetup_insight.settings import InsightSettings
from meetup_simulator.made_up.generators import generated
from meetup_simulator.made_up.world import World
from meetupkit.http.server import HttpServer

_RSVPS = 8_000
_SECONDS = 20 * 7 * 86_400
_START = 1_489_925_470_000
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1100,1060",
    "--virtual-time-budget=20000",
)  # fmt: skip
"""The browser's own clock runs ahead until the plots are drawn."""


def _store(folder: Path) -> None:
    for feed, share in (("rsvps", 1.0), ("open_events", 0.1), ("photos", 0.1)):
        count = int(_RSVPS * share)
        lines = generated(feed, World(7), start=_START, rate=count / _SECONDS)
        place = folder / feed / "2017-03-19/12"
        place.mkdir(parents=True)
        body = b"".join(line.rstrip() + b"\n" for line, _ in zip(lines, range(count), strict=False))
        (place / "aa.ndjson.gz").write_bytes(gzip.compress(body))


def main(output: Path, view: str) -> None:
    """Build, serve, photograph."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _store(folder / "objects")
        given = {
            "OBJECTS": (folder / "objects").as_uri(),
            "WAREHOUSE": f"duckdb:///{folder}/insight.duckdb",
            "HASH_KEY": secrets.token_hex(16),
        }
        settings = InsightSettings.from_environ({f"INSIGHT_{key}": value for key, value in given.items()})
        build(settings)
        _photograph(Site(Library(settings.published_folder).newest, lambda: ""), output, view)


def _photograph(site: Site, output: Path, view: str) -> None:
    app = create_app(site, Metrics())
    server = HttpServer(app, host="127.0.0.1", port=0, connections=16, idle_seconds=30, drain_seconds=1)
    server.start()
    address = f"http://127.0.0.1:{server.port}{view}"
    command = ["chromium", *_FLAGS, f"--screenshot={output.absolute()}", address]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    server.stop()
    server.join(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "/times")

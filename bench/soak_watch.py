"""A row a minute of a soak: what was published, what this life of each service did, and how much memory it holds."""

from typing import Final

import psutil
import requests
from meetup_testkit.service_process import ServiceProcess
from meetup_testkit.simulator_process import SimulatorProcess

from bench.soak_trouble import Trouble
from bench.stream_run import MIB

COLUMNS: Final = ("Minute", "Published", "Faults so far", "Stream MiB", "Enricher MiB", "Ids queued")
_EVERY_SECONDS: Final = 60.0


class Watch:
    """Looks once per minute; memory is the greatest that was seen in the minute, of whichever process was running."""

    def __init__(self, trouble: Trouble, meetup: SimulatorProcess, feed: str) -> None:
        self._trouble = trouble
        self._meetup = meetup
        self._feed = feed
        self._due = _EVERY_SECONDS
        self._greatest = {"stream": 0, "enricher": 0}
        self.rows: list[tuple[str, ...]] = []

    def look(self, spent: float, *, last: bool = False) -> None:
        """Called as often as one likes, with the seconds since the start."""
        for name, process in self._trouble.services.items():
            self._greatest[name] = max(self._greatest[name], _resident(process))
        if spent < self._due and not last:
            return
        self._due += _EVERY_SECONDS
        memory = [f"{each / MIB:.0f}" for each in self._greatest.values()]
        published = f"{len(self._meetup.published(self._feed)):,}"
        faults = str(sum(self._trouble.struck.values()))
        self.rows.append((f"{spent / 60:.1f}", published, faults, *memory, self._queued()))
        self._greatest = dict.fromkeys(self._greatest, 0)

    def _queued(self) -> str:
        try:
            return f"{self._trouble.services['enricher'].metric('meetup_enricher_queue_depth'):,.0f}"
        except (requests.RequestException, TimeoutError):
            return "starting"


def _resident(process: ServiceProcess) -> int:
    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0

"""What a replica remembers by itself, for the time without a document store."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from meetup_alert_webhook.model import Alert

_REMEMBERED: Final = 10_000
"""Keys remembered by the process for the time without a store: 1 MB, and more alerts than an hour can send."""


class LocalMemory:
    """What this process has sent while the store was down; the same rule as ``Claims``, for one replica."""

    def __init__(self, window_seconds: float, clock: Callable[[], float]) -> None:
        self._window = window_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._until: OrderedDict[str, float] = OrderedDict()
        self._latest: OrderedDict[str, str] = OrderedDict()

    def is_stored(self, key: str) -> bool:
        with self._lock:
            return self._until.get(key, 0.0) > self._clock()

    def remember(self, alert: Alert) -> None:
        with self._lock:
            before = self._latest.pop(alert.incident, None) if alert.incident else None
            if before:
                self._until.pop(before, None)
            if alert.incident:
                self._latest[alert.incident] = alert.key
            self._until[alert.key] = self._clock() + self._window
            for remembered in (self._until, self._latest):
                if len(remembered) > _REMEMBERED:
                    remembered.popitem(last=False)

    def forget(self, alert: Alert) -> None:
        """The store has the alert, and so knows for every replica what was last sent of its incident."""
        with self._lock:
            self._until.pop(alert.key, None)
            if before := self._latest.pop(alert.incident, None):
                self._until.pop(before, None)

"""Calls at moments to come, made by one thread for the whole process.

``threading.Timer`` starts a thread for each, which costs more than an HTTP request's head; nearly all are cancelled.
"""

import heapq
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)


class Alarm:
    """One call to come."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """It is not made any more, unless it is being made."""
        self.call = None


class Alarms:
    """Thread-safe. Calls are made one after the other, so each must return at once. What one raises is logged."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._order: list[tuple[float, int, Alarm]] = []
        self._numbers = itertools.count()
        self._running = False

    def renew(self) -> None:
        """In a forked child, which has none of its parent's threads, and waits for none of its alarms."""
        self._changed, self._order, self._running = threading.Condition(), [], False

    def after(self, seconds: float, call: Callable[[], None]) -> Alarm:
        """Make the call once so many seconds have passed."""
        entry = (time.monotonic() + seconds, next(self._numbers), Alarm(call))
        with self._changed:
            heapq.heappush(self._order, entry)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="alarms", daemon=True).start()
            elif self._order[0] is entry:
                self._changed.notify()
        return entry[2]

    def _run(self) -> None:
        while True:
            call = self._next().call
            try:
                if call:
                    call()
            except Exception:  # the thread must live: without it no deadline of the process would strike again
                log.exception("a deadline could not be kept", extra={"event": "alarm_failed"})

    def _next(self) -> Alarm:
        """The first that is due or was cancelled; waited for."""
        with self._changed:
            while True:
                if not self._order:
                    self._changed.wait()
                    continue
                when, _, first = self._order[0]
                wait = when - time.monotonic()
                if wait <= 0 or first.call is None:
                    heapq.heappop(self._order)
                    return first
                self._changed.wait(wait)


ALARMS: Final = Alarms()
"""The process's own; its thread is started with the first alarm."""
os.register_at_fork(after_in_child=ALARMS.renew)

"""One feed from start to stop: sessions that own its cursor, and standby while another process does."""

import logging
import threading
from typing import Final

from meetupkit.errors import StoreUnavailable
from meetupkit.progress import Progress

from meetup_stream.checkpoint import wait_until_expired
from meetup_stream.metrics import Metrics
from meetup_stream.session import Job, Session

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 20.0
"""What is read is stored within this after a stop: two thirds of the 30 s that Kubernetes gives."""


class Stream:
    """One feed, from its server to its stores, until it is stopped."""

    def __init__(self, job: Job, *, metrics: Metrics, progress: Progress) -> None:
        self._job = job
        self._metrics = metrics
        self._progress = progress
        self._stopping = threading.Event()
        self._hard_stop = threading.Event()
        self._grace = threading.Timer(GRACE_SECONDS, self._hard_stop.set)
        self._grace.daemon = True
        self._session: Session | None = None
        self._unavailable_reason = "starting: reading the cursor"

    def run(self) -> None:
        """Read and store until ``stop``; raises a ``PermanentError``: operator action required."""
        try:
            while not self._stopping.is_set():
                session = self._session = Session(self._job, self._metrics, self._progress, self._hard_stop)
                if self._stopping.is_set():
                    session.stop()
                superseded_by = session.run()
                self._session = None
                if superseded_by and not self._stopping.is_set():
                    self._stand_by(superseded_by)
        except StoreUnavailable as error:
            if not self._hard_stop.is_set():
                raise
            log.warning(
                "stopped before all that was read is stored; it will be read again: %s",
                error,
                extra={"event": "stopped_unstored"},
            )
        finally:
            self._grace.cancel()

    def stop(self) -> None:
        """Stop reading; ``run`` returns when what is read is stored, or after ``GRACE_SECONDS``."""
        self._unavailable_reason = "stopping"
        self._stopping.set()
        self._grace.start()
        if session := self._session:
            session.stop()
            if not session.acquired:
                self._hard_stop.set()  # nothing is read yet, so nothing need be stored

    def not_ready(self) -> str | None:
        """Why records do not flow, in a sentence; ``None`` if they do."""
        session = self._session
        if self._stopping.is_set() or session is None:
            return self._unavailable_reason
        return session.not_ready()

    def _stand_by(self, superseded_by: str) -> None:
        self._unavailable_reason = f"standby: another process ({superseded_by}) keeps the cursor of {self._job.label}"
        wait_until_expired(self._job.store, self._job.label, stopping=self._stopping, progress=self._progress)

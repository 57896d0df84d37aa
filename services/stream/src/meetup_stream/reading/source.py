"""The first stop of a record: from Meetup's endless answer to lines in the intake.

A connection is held for as long as it lives and made again when it ends, from as far back as ``resume`` says. Waits
between tries follow ``reconnect_policy``, anew after each time that something new came.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from meetupkit.errors import UpstreamRefused
from meetupkit.feeds import Feed
from meetupkit.limited_log import LimitedLog
from meetupkit.progress import Progress
from meetupkit.retry import reconnect_policy
from meetupkit.urls import shown

from meetup_stream.labels import Disconnect
from meetup_stream.metrics import Metrics
from meetup_stream.reading.answer import ERROR_BODY_SECONDS, Lost, Refused, described, stream_body
from meetup_stream.reading.body import Body, BrokenBody
from meetup_stream.reading.connection import CONNECT_SECONDS, HEADERS_SECONDS, Connection
from meetup_stream.reading.intake import Closed, Event, Intake, Lines, Opened
from meetup_stream.reading.lines import Line, LineSplitter
from meetup_stream.reading.refusals import Refusals
from meetup_stream.reading.resume import Request

log = logging.getLogger(__name__)

_SLICE_SECONDS: Final = 5.0
"""How long the reader waits for room before it says again that it is alive."""
_SHORTEST_SECONDS: Final = 0.2
"""From one connection to the next, when each brings something new and ends at once: five a second are enough."""
_SETUP_SECONDS: Final = 3 * CONNECT_SECONDS + HEADERS_SECONDS + ERROR_BODY_SECONDS
"""To connect, through a proxy and TLS, and to read headers once they have begun."""


class Source:
    """Reads one feed until it is stopped or refused."""

    def __init__(
        self,
        feed: Feed,
        intake: Intake,
        *,
        resume: Callable[[], Request],
        new_records: Callable[[], int],
        metrics: Metrics,
        progress: Progress,
        stopping: threading.Event,
    ) -> None:
        self._feed = feed
        self._intake = intake
        self._resume = resume
        self._new_records = new_records
        self._metrics = metrics
        self._progress = progress
        self._stopping = stopping
        self._connection: Connection | None = None
        self._refusals = Refusals()
        self._limited = LimitedLog(log)
        self.unavailable_reason: str | None = "not connected yet"
        """Why nothing can be read now."""

    def run(self) -> None:
        """Read until ``stopping``; raises ``UpstreamRefused`` when the server will have none of it."""
        try:
            while not self._stopping.is_set():
                self._read_until_progress()
        except Lost:
            if not self._stopping.is_set():
                raise
        finally:
            self._progress.ended("reader")

    def stop(self) -> None:
        """End a read that is under way; call it after ``stopping`` is set, from any thread."""
        if connection := self._connection:
            connection.shut()

    def _read_until_progress(self) -> None:
        """One outage: try until a connection brought something new, so that the next outage starts with short waits."""
        for attempt in reconnect_policy(
            f"stream of {self._feed.name}",
            stopping=self._stopping,
            limited=self._limited,
            on_retry=lambda _, seconds: self._waiting(seconds),
        ):
            with attempt:
                before, began = self._new_records(), time.monotonic()
                try:
                    self._read_connection(self._resume())
                except Lost as lost:
                    if self._stopping.is_set():
                        raise
                    self._note(lost)
                    if self._new_records() == before:
                        raise
                    self._limited.warning(
                        "reconnect", "reconnecting: %s", lost, extra={"event": "reconnect", "cause": lost.cause}
                    )
                    self._stopping.wait(_SHORTEST_SECONDS - (time.monotonic() - began))

    def _note(self, lost: Lost) -> None:
        """Raises ``UpstreamRefused`` if this was one refusal too many."""
        self._metrics.disconnects[lost.cause].inc()
        self.unavailable_reason = f"not connected: {lost}"
        if not isinstance(lost, Refused):
            self._refusals.over()
        elif self._refusals.final(time.monotonic()):
            raise UpstreamRefused(f"the stream of {self._feed.name} is refused: {lost}")

    def _read_connection(self, request: Request) -> None:
        self._progress.moving("reader", _SETUP_SECONDS + self._feed.read_timeout + _SLICE_SECONDS)
        connection = self._connection = Connection(request.url, idle_seconds=self._feed.read_timeout)
        try:
            body = stream_body(connection, request.url, silence=self._feed.read_timeout)
            if self._stopping.is_set():  # ``stop`` may have come before there was a connection to end
                raise Lost(Disconnect.ENDED, "stopped while connecting")
            self._refusals.over()
            self.unavailable_reason = None
            self._metrics.connects.inc()
            self._metrics.connected.set(1)
            where = shown(request.url)
            self._limited.line(
                logging.INFO, "connected", "connected to %s", where, extra={"event": "connected", "url": where}
            )
            self._put(Opened(time.time(), request.whole))
            self._read_to_the_end(body)
        finally:
            self._connection = None
            connection.close()
            self._metrics.connected.set(0)

    def _read_to_the_end(self, body: Body) -> None:
        try:
            self._read_body(body)
        except Lost as lost:
            self._put(Closed(time.time(), "stopped" if self._stopping.is_set() else lost.cause))
            raise

    def _read_body(self, body: Body) -> None:
        """Every line into the intake; always ends by raising ``Lost``."""
        splitter = LineSplitter()
        try:
            while (chunk := body.read()) is not None:
                now = time.monotonic()
                self._metrics.bytes_read.inc(len(chunk))
                if lines := splitter.lines(chunk):
                    self._hand_over(lines, now)
                self._progress.moving("reader", self._feed.read_timeout + _SLICE_SECONDS)
            if (last := splitter.finish()) is not None:
                self._hand_over([last], time.monotonic())
            raise Lost(Disconnect.ENDED, "the server ended the stream")
        except TimeoutError:
            raise Lost(Disconnect.SILENT, f"silent for {self._feed.read_timeout:g} s") from None
        except (BrokenBody, OSError) as error:
            raise Lost(Disconnect.BROKEN, f"the connection broke: {described(error)}") from None
        finally:
            if splitter.truncated:
                self._metrics.truncated_lines.inc()

    def _hand_over(self, lines: list[Line], now: float) -> None:
        self._metrics.last_record.set_to_current_time()
        self._put(Lines([(line, now) for line in lines]))

    def _put(self, event: Event) -> None:
        """Wait for room as long as it takes: while the store is down, nothing more is read."""
        while not self._intake.put(event, timeout=_SLICE_SECONDS):
            self._progress.moving("reader", 2 * _SLICE_SECONDS)

    def _waiting(self, seconds: float) -> None:
        self._metrics.retries["stream"].inc()
        self._progress.moving("reader", seconds + _SLICE_SECONDS)

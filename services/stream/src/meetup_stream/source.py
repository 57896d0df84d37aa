"""The first stop of a record: from Meetup's endless answer to lines in the intake.

A connection is held for as long as it lives and made again when it ends, from as far back as ``resume`` says. Waits
between tries follow ``reconnect_policy``, anew after each time that something new came.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import requests
import urllib3
from meetupkit.errors import UpstreamRefused, UpstreamUnavailable
from meetupkit.feeds import Feed
from meetupkit.progress import Progress
from meetupkit.retry import reconnect_policy

from meetup_stream.body import BrokenBody, body_of
from meetup_stream.intake import Intake
from meetup_stream.lines import Line, LineSplitter
from meetup_stream.metrics import Disconnect, Metrics

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 10.0
"""Three SYNs of a lossy network; a server that needs longer is away."""
_SLICE_SECONDS: Final = 5.0
"""How long the reader waits for room before it says again that it is alive."""
_ERROR_BODY_BYTES: Final = 300
"""As much of an error's body as helps to see who answered."""
_PASSING_STATUSES: Final = frozenset({408, 420, 425, 429})
"""Client errors that time cures; 420 was the "slow down" of streaming APIs of Meetup's day."""


class Lost(UpstreamUnavailable):
    """A connection ended, or did not come about."""

    def __init__(self, cause: Disconnect, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.cause = cause


class Source:
    """Reads one feed until it is stopped or refused."""

    def __init__(
        self,
        feed: Feed,
        intake: Intake,
        *,
        resume: Callable[[], str],
        opened: Callable[[], None],
        closed: Callable[[str], None],
        news: Callable[[], int],
        metrics: Metrics,
        progress: Progress,
        stopping: threading.Event,
    ) -> None:
        self._feed = feed
        self._intake = intake
        self._resume = resume
        self._opened = opened
        self._closed = closed
        self._news = news
        self._metrics = metrics
        self._progress = progress
        self._stopping = stopping
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "identity"  # what is stored is the bytes as Meetup wrote them
        self._response: requests.Response | None = None
        self.why_not: str | None = "not connected yet"
        """Why nothing can be read now."""
        self.lines_here = 0
        """Lines read from the connection that is open now."""

    def run(self) -> None:
        """Read until ``stopping``; raises ``UpstreamRefused`` when the server will have none of it."""
        try:
            while not self._stopping.is_set():
                self._read_until_progress()
        except Lost:
            if not self._stopping.is_set():
                raise
        finally:
            self._session.close()
            self._progress.ended("reader")

    def stop(self) -> None:
        """End a read that is under way; call it after ``stopping`` is set, from any thread."""
        if response := self._response:
            try:
                response.raw.shutdown()
            except (OSError, ValueError):  # it ended by itself in the same moment
                log.debug("the connection was gone before it was shut", extra={"event": "shutdown_raced"})

    def _read_until_progress(self) -> None:
        """One outage: try until a connection brought something new, so that the next outage starts with short waits."""
        for attempt in reconnect_policy(
            f"stream of {self._feed.name}",
            stopping=self._stopping,
            on_retry=lambda _, seconds: self._waiting(seconds),
        ):
            with attempt:
                news = self._news()
                try:
                    self._read_connection(self._resume())
                except Lost as lost:
                    if self._stopping.is_set():
                        self._closed("stopped")
                        raise
                    self._metrics.disconnects[lost.cause].inc()
                    self._closed(lost.cause)
                    self.why_not = f"not connected: {lost}"
                    if self._news() == news:
                        raise
                    log.warning("reconnecting: %s", lost, extra={"event": "reconnect", "cause": lost.cause})

    def _read_connection(self, url: str) -> None:
        self._progress.moving("reader", CONNECT_SECONDS + self._feed.read_timeout + _SLICE_SECONDS)
        with self._get(url) as response:
            self._response, self.why_not, self.lines_here = response, None, 0
            if self._stopping.is_set():  # ``stop`` found no response to end
                raise Lost(Disconnect.ENDED, "stopped while connecting")
            self._opened()
            self._metrics.connects.inc()
            self._metrics.connected.set(1)
            log.info("connected to %s", url, extra={"event": "connected", "url": url})
            try:
                self._read_body(response)
            finally:
                self._response = None
                self._metrics.connected.set(0)

    def _get(self, url: str) -> requests.Response:
        try:
            response = self._session.get(url, stream=True, timeout=(CONNECT_SECONDS, self._feed.read_timeout))
        except requests.ReadTimeout:
            raise Lost(Disconnect.SILENT, f"no answer within {self._feed.read_timeout:g} s") from None
        except requests.RequestException as error:
            raise Lost(Disconnect.UNREACHABLE, _root(error)) from None
        if response.status_code != requests.codes.ok:
            with response:
                raise self._not_ok(response)
        return response

    def _not_ok(self, response: requests.Response) -> Lost | UpstreamRefused:
        status = response.status_code
        try:
            said = response.raw.read(_ERROR_BODY_BYTES).decode(errors="replace")
        except (urllib3.exceptions.HTTPError, OSError):
            said = "(unreadable)"
        message = f"{response.status_code} {response.reason}: {said!r}"
        if 400 <= status < 500 and status not in _PASSING_STATUSES:
            self._metrics.disconnects[Disconnect.STATUS].inc()
            return UpstreamRefused(f"the stream of {self._feed.name} is refused: {message}")
        after = response.headers.get("Retry-After", "")
        return Lost(Disconnect.STATUS, message, retry_after=float(after) if after.isdecimal() else None)

    def _read_body(self, response: requests.Response) -> None:
        """Every line into the intake; always ends by raising ``Lost``."""
        splitter, body = LineSplitter(), body_of(response)
        try:
            while chunk := body.read():
                now = time.monotonic()
                self._metrics.last_record.set_to_current_time()
                self._metrics.bytes_read.inc(len(chunk))
                if lines := list(splitter.lines(chunk)):
                    self._hand_over(lines, now)
                    self.lines_here += len(lines)
                self._progress.moving("reader", self._feed.read_timeout + _SLICE_SECONDS)
            raise Lost(Disconnect.ENDED, "the server ended the stream")
        except (TimeoutError, urllib3.exceptions.ReadTimeoutError):
            raise Lost(Disconnect.SILENT, f"silent for {self._feed.read_timeout:g} s") from None
        except (BrokenBody, urllib3.exceptions.HTTPError, OSError) as error:
            raise Lost(Disconnect.BROKEN, f"the connection broke: {_root(error)}") from None
        finally:
            if splitter.torn:
                self._metrics.torn_tails.inc()

    def _hand_over(self, lines: list[Line], now: float) -> None:
        """Wait for room as long as it takes: while the store is down, nothing more is read."""
        while not self._intake.put(lines, now, timeout=_SLICE_SECONDS):
            self._progress.moving("reader", 2 * _SLICE_SECONDS)

    def _waiting(self, seconds: float) -> None:
        self._metrics.retries["stream"].inc()
        self._progress.moving("reader", seconds + _SLICE_SECONDS)


def _root(error: BaseException) -> str:
    """The innermost reason, without the layers of the client and the object addresses in their texts."""
    while inner := (error.__cause__ or error.__context__):
        error = inner
    return f"{type(error).__name__}: {error}"

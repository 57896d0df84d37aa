"""The end of a process by SIGTERM or SIGINT, without a lock in a signal handler.

``threading.Event.set`` in a handler can deadlock: the handler interrupts the main thread, which may hold the event's
own lock inside ``wait``. So the handlers do nothing. The interpreter writes each signal's number to a socket
(``signal.set_wakeup_fd``), and the main thread reads from it.
"""

import signal
import socket
import threading
import time
from types import FrameType, TracebackType
from typing import Final, Self

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_LAST_WORDS: Final = 64
"""More signals than a person or a kubelet sends before the process ends."""


class Shutdown:
    """Made and waited on by the main thread, before any other thread is started::

        with Shutdown() as shutdown:
            ...
            shutdown.wait()

    ``requested`` is the event that other threads wait for; it is set by ``wait`` and ``request`` alone.
    """

    def __init__(self) -> None:
        self.requested = threading.Event()
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._earlier_fd = -1

    def __enter__(self) -> Self:
        self._earlier_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, _nothing)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Further signals have no effect: the process is ending, and its flush must not be interrupted."""
        signal.set_wakeup_fd(self._earlier_fd)
        self._reader.close()
        self._writer.close()

    def request(self) -> None:
        """End the wait from inside the process, from any thread; a second call does nothing."""
        self.requested.set()
        try:
            self._writer.send(b"\0")
        except OSError:
            return  # full of earlier requests, or closed: nobody waits any more who could miss it

    def wait(self, seconds: float | None = None) -> bool:
        """Main thread only: wait for a signal or a request, at most ``seconds``; whether the end was asked for."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self.requested.is_set():
            numbers = self._received(None if deadline is None else deadline - time.monotonic())
            if numbers is None:
                return False
            if any(number in SIGNALS for number in numbers):  # others (SIGCHLD of a library) only wake
                self.requested.set()
        return True

    def _received(self, seconds: float | None) -> bytes | None:
        """Numbers of signals, or a request's zero; ``None`` when time is up."""
        if seconds is not None and seconds <= 0:
            return None
        self._reader.settimeout(seconds)
        try:
            return self._reader.recv(_LAST_WORDS)
        except TimeoutError:
            return None


def _nothing(number: int, frame: FrameType | None) -> None:
    """Python writes the number to the wake-up socket only for signals that have a handler of its own."""

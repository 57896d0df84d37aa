"""Waiting for a moment, a signal or the end of a child, whichever comes first.

The signals are blocked and fetched, not handled: nothing is interrupted in the middle, and none is lost in between.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_STOPPING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""Ctrl-C, the request of a supervisor, the terminal's end."""
_FETCHED: Final = _STOPPING | {signal.SIGCHLD}


@contextmanager
def blocked() -> Iterator[None]:
    """Let the signals wait for ``stop_asked``; to be entered before any other thread and any child is started."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FETCHED)
    try:
        yield
    finally:
        while signal.sigtimedwait(_FETCHED, 0):
            pass  # a second Ctrl-C during the stop; let loose it would end the summary with a traceback
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_asked(within: float) -> bool:
    """Wait up to so many seconds; at once true at a request to stop, at once false at the end of a child."""
    got = signal.sigtimedwait(_FETCHED, max(0.0, within))
    return got is not None and got.si_signo in _STOPPING

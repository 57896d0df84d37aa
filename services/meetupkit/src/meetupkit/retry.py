"""The retry policy: truncated exponential backoff with full jitter, in two forms.

``call_policy`` is for one API call: bounded, then the last error is raised. ``reconnect_policy`` is for a loop that
must outlive any outage: endless, and made anew after each progress, so that the second outage gets all its tries.
Only ``TransientError`` is retried; what the other side asked for (``retry_after``) is waited at least.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay
from tenacity.stop import stop_base, stop_when_event_set
from tenacity.wait import wait_base, wait_random_exponential

from meetupkit.errors import TransientError
from meetupkit.limited_log import LimitedLog

log = logging.getLogger(__name__)

INITIAL_SECONDS: Final = 0.25
"""The first wait is drawn from 0 to this: most transient errors of the Google APIs are gone by then."""
CEILING_SECONDS: Final = 32.0
"""Google's documents ask for a truncation at 32 or 64 seconds; a feed that reconnects should not wait longer."""
CALL_SECONDS: Final = 60.0
"""One call is given up after this and becomes its caller's outage: longer than any single failover Google describes."""

LONGEST_ASKED_SECONDS: Final = 3600.0
"""What another side may ask us to wait (``Retry-After``). More is a mistake, or a date read by a clock that runs years
behind; and more than 292 years no timer of Python's can take."""

OnRetry = Callable[[TransientError, float], None]
"""Told of each retry before its wait: what failed, and the seconds until the next try."""


_MOST_DOUBLINGS: Final = 64
"""More would overflow a float long after any ceiling is met."""


def doubled(failures: int, *, first: float, longest: float) -> float:
    """Seconds after so many failures in a row: ``first`` after one, twice that after two, never above ``longest``.

    For loops that wait by themselves; 0 failures are 0 seconds.
    """
    return min(longest, first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)) if failures > 0 else 0.0


class _Wait(wait_base):
    """Truncated exponential with full jitter; at least what the other side asked for, if that makes sense.

    No wait is longer than the outage has lasted already, so that recovery never takes longer than the outage did.
    """

    def __init__(self, initial: float, ceiling: float) -> None:
        self._jittered = wait_random_exponential(multiplier=initial, max=ceiling)

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, TransientError) and error.retry_after else 0.0
        lasted = max(INITIAL_SECONDS, retry_state.seconds_since_start or 0.0)
        return max(min(asked, LONGEST_ASKED_SECONDS), min(lasted, self._jittered(retry_state)))


def call_policy(
    call: str,
    *,
    stopping: threading.Event,
    seconds: float = CALL_SECONDS,
    on_retry: OnRetry | None = None,
) -> Retrying:
    """Bounded retries for the API call named ``call``; the last ``TransientError`` is raised when they are used up."""
    return _policy(call, stop_after_delay(seconds) | stop_when_event_set(stopping), stopping, on_retry)


def reconnect_policy(
    call: str,
    *,
    stopping: threading.Event,
    ceiling: float = CEILING_SECONDS,
    on_retry: OnRetry | None = None,
    limited: LimitedLog | None = None,
) -> Retrying:
    """Endless retries, ended only by ``stopping`` (then the last error is raised) or by an error that is permanent.

    ``limited`` logs them where a stranger can end one outage and begin the next as often as he likes.
    """
    return _policy(call, stop_when_event_set(stopping), stopping, on_retry, ceiling=ceiling, limited=limited)


def _policy(
    call: str,
    stop: stop_base,
    stopping: threading.Event,
    on_retry: OnRetry | None,
    *,
    ceiling: float = CEILING_SECONDS,
    limited: LimitedLog | None = None,
) -> Retrying:
    warn = partial(limited.warning, call) if limited else log.warning

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        seconds = state.next_action.sleep if state.next_action else 0.0
        extra = {"event": "retry", "call": call, "attempt": state.attempt_number, "wait_seconds": round(seconds, 3)}
        warn("%s failed, trying again in %.1f s: %s", call, seconds, error, extra=extra)
        if on_retry and isinstance(error, TransientError):
            on_retry(error, seconds)

    def pause(seconds: float) -> None:
        stopping.wait(seconds)  # not time.sleep: a stop ends the wait

    return Retrying(
        retry=retry_if_exception_type(TransientError),
        wait=_Wait(INITIAL_SECONDS, ceiling),
        stop=stop,
        sleep=pause,
        before_sleep=before_sleep,
        reraise=True,
    )

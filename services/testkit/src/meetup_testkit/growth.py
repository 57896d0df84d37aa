"""Whether a cost grows with the size of what is worked on, or faster."""

import math
import time
from collections.abc import Callable
from typing import Final

_TIMES: Final = 5
"""The least of them counts: what else a machine does only ever adds."""
_IN_PROPORTION: Final = 1.5
"""Whoever costs no more than this is not measured again, for the least could only be less."""


def growth(work: Callable[[int], object], *, small: int, large: int) -> float:
    """How many times more than in proportion the large size costs; a quadratic cost gives ``large / small``.

    In processor time of this thread, so that neither other threads nor other processes count. Nothing is measured in
    seconds: between 1 and the ratio of the sizes lies room for a machine that is busy.
    """
    little = max(min(seconds(work, small) for _ in range(_TIMES)), time.get_clock_info("thread_time").resolution)
    least = math.inf
    for _ in range(_TIMES):
        least = min(least, seconds(work, large) / little * small / large)
        if least <= _IN_PROPORTION:
            break
    return least


def seconds(work: Callable[[int], object], size: int) -> float:
    """Of this thread's processor time, once."""
    began = time.thread_time()
    work(size)
    return time.thread_time() - began

"""The first process of a container, before it can end in order.

The kernel keeps from a PID namespace's first process every signal that it has no handler for. So SIGTERM during the
imports, which take seconds on a small share of a core, would be lost, and the kubelet would wait for the whole grace
period. Each service's package calls this before it imports anything else; ``Shutdown`` takes over later.
"""

import os
import signal
from types import FrameType
from typing import Final

_FIRST: Final = 1
_KILLED: Final = 128
"""A shell's and a kubelet's sum for "ended by this signal", which an ordinary process shows in the same moment."""


def end_on_sigterm() -> None:
    """Elsewhere the signal ends the process by itself; then nothing is changed."""
    if os.getpid() == _FIRST:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: FrameType | None) -> None:
    """At once: nothing is open yet, and an exception could be caught by what is just being imported."""
    os._exit(_KILLED + number)

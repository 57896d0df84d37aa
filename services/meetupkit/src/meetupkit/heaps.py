"""glibc gives each thread a heap of its own, up to eight for each core, and what one has freed no other can use.

Threads that each handle some megabytes in turn so keep many times what is needed at once. ``MALLOC_ARENA_MAX`` says the
same; a program that says it itself is the same in a pod, a container, a test and on a laptop.
"""

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8
"""From glibc's ``malloc.h``, part of its stable interface."""
_HEAPS: Final = 2
"""One is in use while another thread waits for its turn with the interpreter; measured, more cost memory only."""


def share_heaps() -> None:
    """For the whole process, before it starts its first thread. Does nothing with another C library."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _HEAPS)

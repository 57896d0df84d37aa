"""Turns what was collected into tables, patterns and predicted interests, on a page."""

import os
from typing import Final

from meetupkit.first_process import end_on_sigterm

_TIMEOUT: Final = "OPENBLAS_THREAD_TIMEOUT"
"""For how many processor cycles, two to this power, a thread of numpy's arithmetic waits awake for work."""
_SHORT: Final = "18"
"""A tenth of a millisecond. OpenBLAS would take 20 ms, more than lies between two products, so that the threads never
slept: learning used twice the processor time, and on a busy machine it took twice as long."""

end_on_sigterm()
os.environ.setdefault(_TIMEOUT, _SHORT)  # read when numpy is imported

"""Groups that the enricher asks for and nobody follows, or whose profile is old: looked up at once, within a share."""

import threading
import time
from collections.abc import Sequence
from typing import Final

from meetupkit.errors import MeetupError

from meetup_gateway.polling.context import Context
from meetup_gateway.polling.group_profiles import AT_ONCE, read_profiles
from meetup_gateway.source.budget import Share
from meetup_gateway.storage.lease import Superseded

_SECONDS: Final = 12.0
"""The enricher gives a call 20 s; what is found until then is kept, and its next call begins there."""
RETRY_SECONDS: Final = 30.0


class Lookups:
    """One at a time. ``context.api`` is another than the poller's; budget and credentials are shared."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()

    def read(self, ids: Sequence[int]) -> tuple[float, bool]:
        """Look these up and keep them: seconds to wait if the points are out, and whether the API failed."""
        until = time.monotonic() + _SECONDS
        if not self._lock.acquire(timeout=_SECONDS):
            return RETRY_SECONDS, True
        try:
            for start in range(0, len(ids), AT_ONCE):
                some = [str(number) for number in ids[start : start + AT_ONCE]]
                if waiting := read_profiles(self._context, some, Share.LOOKUPS):
                    return max(waiting.values()), False
                if time.monotonic() > until:
                    return 1.0, True
        except (MeetupError, Superseded):
            return RETRY_SECONDS, True
        finally:
            self._lock.release()
        return 0.0, False

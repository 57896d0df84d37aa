"""Tells the enricher which members and groups the stored records name. The cursor waits for its answer.

Objects go on being stored while the enricher is unavailable: the ids wait here, and stand in the cursor object.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from meetupkit.errors import EnricherUnavailable, TransientError
from meetupkit.failpoints import Failpoint, hit
from meetupkit.foreign_text import printable
from meetupkit.http.client import ExchangeFailed, HttpClient, Redirected
from meetupkit.http.retry_after import retry_after_seconds
from meetupkit.progress import Progress
from meetupkit.retry import reconnect_policy

from meetup_stream.checkpoint import Cursor
from meetup_stream.cursor_body import Ids
from meetup_stream.metrics import Metrics
from meetup_stream.writing.layout import Durable

log = logging.getLogger(__name__)

LINGER_SECONDS: Final = 0.5
"""Ids of half a second go together: nobody waits for them, and a call costs more than the ids in it."""
MAX_PENDING: Final = 200_000
"""Ids that may wait: a day of rsvps without an enricher, 2 MB of cursor object. Then the writer waits too."""
_IDS_A_CALL: Final = 2_000
"""Well under the enricher's bound, and answered in a fraction of its timeout."""
_CALL_SECONDS: Final = 12.0
"""For the whole answer: the enricher only writes its queue before it answers. A little longer than it waits for its own
store (10 s), so that its 503 is heard; an enricher that vanished without a word costs all of it."""
_ANSWER_BYTES: Final = 64 * 1024
"""The enricher's answers are a line; what is longer is another server's."""
_ACCEPTED: Final = 202
_PASSING_STATUSES: Final = frozenset({408, 425, 429})
"""Client errors that time cures."""
_JSON: Final = {"Content-Type": "application/json"}
_FORGET_SECONDS: Final = 3600.0
"""An id named again within this is not told again; after it, the enricher may find its profile stale."""
_REMEMBERED: Final = 100_000
"""Ids remembered as told, about 8 MB: hours of a live feed. A catch-up names more, and tells some again."""
_ANNOUNCE_SECONDS: Final = _CALL_SECONDS + 10.0
"""One call, by its own deadline, a look-up of its name, and some."""


class Enricher:
    """The enricher's HTTP API, as much of it as a stream needs."""

    def __init__(self, url: str, *, client: str, token: str = "") -> None:
        """``client`` is the feed, so that each has its fair share of the look-ups."""
        self._url = f"{url.rstrip('/')}/v1/enrichments"
        self._name = client
        self._client = HttpClient(headers=_JSON | ({"Authorization": f"Bearer {token}"} if token else {}))
        self._refused = False

    def accept(self, members: list[int], groups: list[int]) -> None:
        """Return when the ids are durable there; raises ``EnricherUnavailable``."""
        body = json.dumps({"client": self._name, "members": members, "groups": groups}).encode()
        try:
            answer = self._client.send("POST", self._url, seconds=_CALL_SECONDS, max_bytes=_ANSWER_BYTES, data=body)
        except Redirected as error:
            message = f"the enricher {error}: set STREAM_ENRICHER_URL to it if it is the enricher"
            self._report_refusal(message, error.status)
            raise EnricherUnavailable(message) from error
        except ExchangeFailed as error:
            raise EnricherUnavailable(f"the enricher is unavailable: {error}") from error
        if answer.status == _ACCEPTED:
            self._refused = False
            return
        message = f"the enricher answered {answer.status}: {printable(answer.body)}"
        if 400 <= answer.status < 500 and answer.status not in _PASSING_STATUSES:
            self._report_refusal(message, answer.status)
        raise EnricherUnavailable(message, retry_after=retry_after_seconds(answer.headers.get("Retry-After")))

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _report_refusal(self, refusal: str, status: int | None) -> None:
        """Once: operator action required. The ids wait meanwhile: they are kept, and records go on being stored."""
        if not self._refused:
            log.error(refusal, extra={"event": "enricher_refused", "status": status})
        self._refused = True


class Announcer:
    """The ids on their way to the enricher: one writer adds, one thread announces."""

    def __init__(self, enricher: Enricher, *, metrics: Metrics, progress: Progress) -> None:
        self._enricher = enricher
        self._metrics = metrics
        self._progress = progress
        self._changed = threading.Condition()
        self._members: set[int] = set()
        self._groups: set[int] = set()
        self._mtime = 0
        self._announced_members: set[int] = set()
        self._announced_groups: set[int] = set()
        self._forget_at = time.monotonic() + _FORGET_SECONDS

    def pending(self) -> Ids:
        """The ids not accepted yet."""
        with self._changed:
            return frozenset(self._members), frozenset(self._groups)

    def add(self, batch: Durable, *, timeout: float) -> bool:
        """Take the ids of a stored batch; ``False`` if too many wait and none left within ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._members) + len(self._groups) < MAX_PENDING, timeout):
                return False
            self._members |= batch.members - self._announced_members
            self._groups |= batch.groups - self._announced_groups
            self._mtime = max(self._mtime, batch.mtime)
            self._metrics.ids_pending.set(len(self._members) + len(self._groups))
            self._changed.notify_all()
            return True

    def run(self, cursor: Cursor, ended: threading.Event) -> None:
        """Announce until ``ended``, then once more what is left; what is not accepted then stays in the cursor."""
        try:
            while not ended.wait(LINGER_SECONDS):
                self._progress.moving("announcer", _ANNOUNCE_SECONDS)  # a quiet feed has nothing to tell for hours
                self._announce(cursor, ended)
            self._announce(cursor, ended)
        except EnricherUnavailable as error:
            log.warning(
                "ids are left for the next start: %s",
                error,
                extra={"event": "ids_left", "ids": sum(map(len, self.pending()))},
            )
        finally:
            self._progress.ended("announcer")

    def _announce(self, cursor: Cursor, ended: threading.Event) -> None:
        """All that waits now, in calls of a bounded size; then the cursor may follow."""
        mtime = self._mtime  # before the ids: those of a batch that comes in between are announced, not counted
        members, groups = self.pending()
        for few in _portions(members, groups):
            for attempt in reconnect_policy("enrichments", stopping=ended, on_retry=self._waiting):
                with attempt:
                    self._progress.moving("announcer", _ANNOUNCE_SECONDS)
                    self._enricher.accept(*few)
                    hit(Failpoint.IDS_ACCEPTED)
            self._accepted(*few)
        cursor.advance(mtime)

    def _accepted(self, members: list[int], groups: list[int]) -> None:
        if (
            time.monotonic() > self._forget_at
            or len(self._announced_members) + len(self._announced_groups) > _REMEMBERED
        ):
            self._announced_members.clear()
            self._announced_groups.clear()
            self._forget_at = time.monotonic() + _FORGET_SECONDS
        with self._changed:
            self._members.difference_update(members)
            self._groups.difference_update(groups)
            self._announced_members.update(members)
            self._announced_groups.update(groups)
            self._metrics.ids_pending.set(len(self._members) + len(self._groups))
            self._changed.notify_all()
        self._metrics.ids_accepted.inc(len(members) + len(groups))

    def _waiting(self, _error: TransientError, seconds: float) -> None:
        self._metrics.retries["enrichments"].inc()
        self._progress.moving("announcer", seconds + _ANNOUNCE_SECONDS)


def _portions(members: frozenset[int], groups: frozenset[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Members and groups side by side, so that the usual few go in one call."""
    return zip_longest(_chunks(members), _chunks(groups), fillvalue=[])


def _chunks(ids: frozenset[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), _IDS_A_CALL):
        yield ordered[start : start + _IDS_A_CALL]

"""Asks for one calendar after the other: an hour apart for each group, never again for a day after a 403 or 429."""

import logging
import random
from collections.abc import Sequence
from typing import Final

from meetupkit.errors import StoreRefused, StoreUnavailable
from meetupkit.http.client import Answer, ExchangeFailed, HttpClient

from meetup_gateway.durations import DAY_MS, HOUR_MS
from meetup_gateway.follow import Calendar
from meetup_gateway.ical.calendar import MAX_BYTES, NoCalendar, events_in, observe
from meetup_gateway.observing.changes import changes_of_events
from meetup_gateway.observing.events import Observed
from meetup_gateway.polling.context import Context
from meetup_gateway.storage.lease import Lease, Superseded
from meetup_gateway.translating.values import Untranslatable

log = logging.getLogger(__name__)

EVERY_MS: Final = HOUR_MS
_JITTER: Final = 0.2
"""So that groups do not all come at once, at the full hour."""
STOPPED_MS: Final = DAY_MS
_STOPS: Final = frozenset({401, 403, 429, 451})
"""We are not wanted."""
_SECONDS: Final = 30.0
_REST_SECONDS: Final = 10.0
_KEPT: Final = "calendars"


class CalendarPoller:
    """``step`` asks for what is due. When each was asked last outlives a restart."""

    def __init__(
        self, context: Context, calendars: Sequence[Calendar], lease: Lease, client: HttpClient, url: str
    ) -> None:
        self._context = context
        self._calendars = calendars
        self._lease = lease
        self._client = client
        self._url = url.rstrip("/")

    def step(self) -> float:
        """Ask for one calendar that is due; seconds to rest."""
        try:
            now = self._context.now()
            if not self._lease.acquire(now):
                return _REST_SECONDS
            due: dict[str, int] = self._context.meta.get(_KEPT) or {}
            calendar = next((each for each in self._calendars if due.get(each.urlname, 0) <= now), None)
            if calendar is None:
                return _REST_SECONDS
            # Kept before it is asked for: a process that dies in between must not ask again at once.
            self._context.meta.put(_KEPT, {**due, calendar.urlname: now + self._hour()})
            if self._read(calendar):
                self._context.meta.put(_KEPT, {**due, calendar.urlname: now + STOPPED_MS})
        except (StoreUnavailable, StoreRefused, Superseded):
            return _REST_SECONDS
        return _REST_SECONDS

    def _hour(self) -> int:
        return int(EVERY_MS * (1 + random.random() * _JITTER))

    def _read(self, calendar: Calendar) -> bool:
        """Read one; whether it is to be left alone for a day."""
        try:
            url = f"{self._url}/{calendar.urlname}/events/ical/"
            answer = self._client.send("GET", url, seconds=_SECONDS, max_bytes=MAX_BYTES)
        except ExchangeFailed as error:
            log.warning("the calendar of a group: %s", error, extra={"event": "calendar_unavailable"})
            return False
        if answer.status in _STOPS:
            log.error(
                "the calendars are refused (%d): none is asked for a day", answer.status, extra={"event": "refused"}
            )
            return True
        if answer.status == 200:
            self._commit(calendar, answer)
        return False

    def _commit(self, calendar: Calendar, answer: Answer) -> None:
        context, now = self._context, self._context.now()
        observed = self._observe(calendar, answer.body)
        known = context.state.events_of(str(calendar.id))
        with context.state.commit(now) as commit:
            changes = changes_of_events(known, observed, now, count_every=0, last_record=lambda _: None, whole=False)
            for version in changes.versions:
                commit.version(version)
            for state in changes.events:
                commit.event(state, None)
        context.committed(commit, fresh=False)

    def _observe(self, calendar: Calendar, body: bytes) -> list[Observed]:
        found: list[Observed] = []
        try:
            for event in events_in(body):
                try:
                    found.append(observe(event, calendar.id, calendar.urlname))
                except Untranslatable as error:
                    self._context.quarantine("event", str(error))
        except NoCalendar as error:
            self._context.quarantine("event", str(error))
        return found

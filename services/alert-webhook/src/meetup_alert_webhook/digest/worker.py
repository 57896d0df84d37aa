"""The loop that fills digests from the outbox and sends them.

A digest collects for ``digest_seconds``, the next one of the same storm twice as long, up to ``digest_max_seconds``:
the first news is quick, an hour of storm is not seven hundred messages. Quiet for as long as the last one collected,
and the storm is over.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from meetupkit.errors import Conflict, SlackRefused, SlackUnavailable, StoreRefused, StoreUnavailable
from meetupkit.progress import Progress

from meetup_alert_webhook.delivery.claims import Claims
from meetup_alert_webhook.delivery.rate import RateLimiter
from meetup_alert_webhook.digest.outbox import OpenDigest, Outbox
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.slack.blocks import digest_message
from meetup_alert_webhook.slack.sender import Sender

log = logging.getLogger(__name__)

LOOP: Final = "digests"
_IDLE_SECONDS: Final = 10.0
"""How often the store is asked for what other replicas left, when this one has queued nothing."""
_PURGES_A_ROUND: Final = 5
"""Of 400 claims each: 2,000 per second, far more than alerts can come, and a digest waits a second at most."""
_PURGE_SECONDS: Final = 60.0
_STALLED_SECONDS: Final = 60.0
"""A look, or one digest's turn and sending, is a handful of calls of at most ten seconds; a minute is a hang."""
_LONGEST_TURN: Final = 30.0
"""A digest waits its turn behind the alerts that go out by themselves, which is a few seconds by their own limit."""
_FOLDS_A_ROUND: Final = 50
"""Then digests are sent, however many alerts still wait."""


@dataclass(slots=True)
class _Storm:
    """One channel's storm: how long the next digest collects, and when the last one went out."""

    collects: float
    sent_at: float


class Digester:
    """Owned by one thread, except ``notify`` and ``collects``. ``clock`` is wall time, as the outbox's."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        claims: Claims,
        sender: Sender,
        rate: RateLimiter,
        metrics: Metrics,
        progress: Progress,
        first_seconds: float,
        longest_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._claims = claims
        self._sender = sender
        self._rate = rate
        self._metrics = metrics
        self._progress = progress
        self._first = first_seconds
        self._longest = longest_seconds
        self._clock = clock
        self._incident_writes = threading.Event()
        self._filling: dict[str, OpenDigest] = {}
        self._taken_over: list[OpenDigest] = []
        self._delivered: list[OpenDigest] = []
        self._storms: dict[str, _Storm] = {}
        self._looked_at = self._purged_at = float("-inf")

    def notify(self) -> None:
        """Something was put into the outbox."""
        self._incident_writes.set()

    def collects(self, channel: str) -> float:
        """Seconds for which the channel's next digest collects; more of the same waits for it."""
        storm = self._storms.get(channel)
        return storm.collects if storm else self._first

    def run(self, stopping: threading.Event) -> None:
        """Until ``stopping``; then what is held is handed over."""
        tick = min(1.0, self._first / 4)
        while not stopping.wait(tick):
            self._progress.moving(LOOP, within=_STALLED_SECONDS)
            try:
                self.round(stopping)
            except (StoreUnavailable, StoreRefused) as error:
                log.warning("digests wait for the document store: %s", error, extra={"event": "digests_wait"})
                stopping.wait(min(5.0, self._first))
        self._hand_over()
        self._progress.ended(LOOP)

    def round(self, stopping: threading.Event) -> None:
        """Look for work, fold it, send what is due."""
        self._remove_delivered()
        if self._should_look():
            self._look()
        for channel, storm in list(self._storms.items()):
            if channel not in self._filling and self._clock() - storm.sent_at > storm.collects:
                del self._storms[channel]  # it is over
        for held in [*self._taken_over, *(each for each in self._filling.values() if self._is_due(each))]:
            self._progress.moving(LOOP, within=_STALLED_SECONDS)
            self._send(held, stopping)
        self._renew()

    def _should_look(self) -> bool:
        return self._incident_writes.is_set() or self._clock() - self._looked_at >= _IDLE_SECONDS

    def _look(self) -> None:
        self._incident_writes.clear()
        self._looked_at = self._clock()
        try:
            folds = 0
            while self._outbox.fold(self._filling) and (folds := folds + 1) < _FOLDS_A_ROUND:
                self._progress.moving(LOOP, within=_STALLED_SECONDS)
            self._take_over()
            waiting = self._outbox.waiting()
        except (StoreUnavailable, StoreRefused):
            self._incident_writes.set()
            raise
        self._metrics.outbox.set(waiting)
        if waiting:
            self._incident_writes.set()
        if self._clock() - self._purged_at >= _PURGE_SECONDS:
            self._purge()
            self._metrics.digests_unreadable.set(self._outbox.unreadable())

    def _purge(self) -> None:
        """Claims that have run out, as many as there are: some now, and more in the next round if that was not all."""
        for _ in range(_PURGES_A_ROUND):
            self._progress.moving(LOOP, within=_STALLED_SECONDS)
            if not self._claims.purge():
                self._purged_at = self._clock()
                return
        self._incident_writes.set()

    def _take_over(self) -> None:
        """Take over what other replicas left, and refresh our own whose lease expired.

        Nothing that Slack has is among it: a round begins with its removal, and ends there if that fails.
        """
        held = {each.name: each for each in (*self._filling.values(), *self._taken_over)}
        for found in self._outbox.take_over():
            if ours := held.get(found.name):
                ours.refresh(found)
            else:
                self._taken_over.append(found)

    def _is_due(self, held: OpenDigest) -> bool:
        return self._clock() - held.digest.first_at >= self.collects(held.digest.channel)

    def _send(self, held: OpenDigest, stopping: threading.Event) -> None:
        channel = held.digest.channel
        if self._rate.paused(channel):
            return
        wait = self._rate.slot(channel, longest_wait=_LONGEST_TURN)
        if wait is None or stopping.wait(wait) or not self._keep(held):
            return
        try:
            self._sender.post(channel, digest_message(held.digest))
        except (SlackUnavailable, SlackRefused):
            return  # the sender has logged it, and pauses the channel; the digest is kept
        self._forget(held)
        self._delivered.append(held)
        self._metrics.digests.inc()
        self._metrics.digested.inc(held.digest.notices)
        self._storms[channel] = _Storm(min(2 * self.collects(channel), self._longest), self._clock())
        self._remove_delivered()

    def _remove_delivered(self) -> None:
        while self._delivered:
            try:
                self._outbox.sent(self._delivered[0])
            except Conflict:
                log.error("a digest was sent by two replicas", extra={"event": "digest_twice"})
            del self._delivered[0]  # not reached when the store is down: tried again in the next round, or at the end

    def _renew(self) -> None:
        """Keep the lease of what is still collecting, or waits for Slack."""
        for held in [*self._taken_over, *self._filling.values()]:
            if self._outbox.is_short(held):
                self._keep(held)

    def _keep(self, held: OpenDigest) -> bool:
        """Hold the digest as it is stored, for a whole lease from now; false if another replica has it."""
        try:
            self._outbox.renew(held)
        except Conflict:
            self._forget(held)
            return False
        return True

    def _forget(self, held: OpenDigest) -> None:
        self._taken_over = [each for each in self._taken_over if each is not held]
        if self._filling.get(held.digest.channel) is held:
            del self._filling[held.digest.channel]

    def _hand_over(self) -> None:
        try:
            self._remove_delivered()
        except (StoreUnavailable, StoreRefused) as error:
            log.warning("a digest that Slack has is sent again: %s", error, extra={"event": "not_removed"})
        for held in [*self._taken_over, *self._filling.values()]:
            try:
                self._outbox.hand_over(held)
            except (StoreUnavailable, StoreRefused, Conflict) as error:
                log.warning("a digest's lease must run out by itself: %s", error, extra={"event": "not_handed_over"})

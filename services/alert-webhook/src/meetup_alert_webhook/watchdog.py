"""The alert that always fires: relayed seldom, missed soon.

``alert_heartbeat/monitoring`` in the document store holds what replicas share: when the heartbeat was last seen and
last relayed, how many alerts were sent since, and whether silence has been reported. A round (``watch``) looks whether
the heartbeat is overdue, reports it once, and calls the outside watchdog while all is well.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from meetupkit.errors import Conflict, StoreRefused, StoreUnavailable
from meetupkit.http.client import ExchangeFailed, HttpClient
from meetupkit.limited_log import LimitedLog
from meetupkit.progress import Progress
from meetupkit.stores.documents import Create, DocumentStore, Put

from meetup_alert_webhook.delivery.outcomes import Duplicate, Outcome, Sent
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.model import Alert, Finding, Severity, Source, Status, digest
from meetup_alert_webhook.slack.blocks import Message, quiet_message
from meetup_alert_webhook.slack.sender import Sender
from meetup_alert_webhook.sources.alertmanager import WebhookBody
from meetup_alert_webhook.text.readable import shown

log = logging.getLogger(__name__)

LOOP: Final = "heartbeat"
COLLECTION: Final = "alert_heartbeat"
_NAME: Final = "monitoring"
_STALLED_SECONDS: Final = 60.0
_LONGEST_TICK: Final = 15.0
_PROBE_SECONDS: Final = 30.0
"""How often Slack is asked whether it takes us again, while it does not."""
_PING_SECONDS: Final = 5.0
"""For the whole answer of the outside watchdog."""
_PING_BYTES: Final = 64 * 1024
"""Of its answer, which says "OK"."""
_ATTEMPTS: Final = 5
_STORE_DOWN: Final = (StoreUnavailable, StoreRefused)

Deliver = Callable[[Alert, Message | None], Outcome]


@dataclass(frozen=True, slots=True)
class Beat:
    """What replicas share. Times are Unix seconds; 0 is never."""

    seen_at: float = 0.0
    relayed_at: float = 0.0
    seen: int = 0
    """Heartbeats since the last relay."""
    sent: int = 0
    """Messages sent since the last relay."""
    silent_since: float = 0.0
    """When the heartbeat was last seen before the silence that has been reported, if one has."""


class BeatRecord:
    """The shared document; without a store, this process's own copy."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._own = Beat()
        self._limited = LimitedLog(log)
        self.alone = False
        """Whether the store did not answer the last time: then only what this replica has seen is known."""

    @property
    def known(self) -> Beat:
        """As it was last read or written here; asks nobody."""
        return self._own

    def read(self) -> Beat:
        """The latest there is, or that is known; never raises."""
        try:
            there = self._store.get(COLLECTION, [_NAME]).get(_NAME)
        except _STORE_DOWN:
            self.alone = True
            return self._own
        self.alone = False
        self._own = _beat(there.fields) if there else self._own
        return self._own

    def change(self, change: Callable[[Beat], Beat]) -> Beat:
        """Read, change and write as one step; returns what is there now, or our own copy while the store is down."""
        try:
            for _ in range(_ATTEMPTS):
                there = self._store.get(COLLECTION, [_NAME]).get(_NAME)
                changed = change(_beat(there.fields) if there else self._own)
                fields = asdict(changed)
                try:
                    self._store.commit(
                        [
                            Put(COLLECTION, _NAME, fields, expected_version=there.version)
                            if there
                            else Create(COLLECTION, _NAME, fields)
                        ]
                    )
                except Conflict:
                    continue
                self.alone, self._own = False, changed
                return changed
        except _STORE_DOWN as error:
            self.alone = True
            self._limited.warning(
                "alone", "the heartbeat is kept by this replica alone: %s", error, extra={"event": "heartbeat_alone"}
            )
        self._own = change(self._own)
        return self._own


def _beat(fields: Mapping[str, Any]) -> Beat:
    return Beat(**{name: fields[name] for name in Beat.__dataclass_fields__ if name in fields})


class Heartbeat:
    """``seen`` is called by the API's threads, ``run`` by one thread of its own."""

    def __init__(
        self,
        record: BeatRecord,
        deliver: Deliver,
        sender: Sender,
        metrics: Metrics,
        progress: Progress,
        *,
        relay_seconds: float,
        silence_seconds: float,
        sent_so_far: Callable[[], int],
        ping_url: str | None = None,
        ping_seconds: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._record = record
        self._deliver = deliver
        self._sender = sender
        self._metrics = metrics
        self._progress = progress
        self._relay_seconds = relay_seconds
        self._silence = silence_seconds
        self._sent_so_far = sent_so_far
        self._sent_told = 0
        self._ping_url = ping_url
        self._ping_seconds = ping_seconds
        self._clock = clock
        self._started_at = clock()
        self._pinged_at = self._probed_at = float("-inf")
        self._lock = threading.Lock()
        self._outside = HttpClient(trust_env=True)
        self._limited = LimitedLog(log)
        # Of what is known: a scrape must not wait for the store. A look of the watch, before, made it at most 15 s old.
        metrics.heartbeat_age.set_function(lambda: self._age(record.known))

    def _age(self, beat: Beat) -> float:
        """Seconds since the heartbeat was last seen; since our start, if it was not seen since."""
        return max(0.0, self._clock() - max(beat.seen_at, self._started_at))

    def seen(self, group: WebhookBody) -> Outcome:
        """The heartbeat came, or Alertmanager says that it stopped; what its sender is to be told."""
        if group.status == "resolved":
            return self._report_silence(
                "Alertmanager says that the heartbeat has stopped: Prometheus does not send it."
            )
        now, sent = self._clock(), self._newly_sent()
        beat = self._record.change(
            lambda beat: replace(beat, seen_at=max(beat.seen_at, now), seen=beat.seen + 1, sent=beat.sent + sent)
        )
        if beat.silent_since:
            self._report_return(beat)
        if now - beat.relayed_at < self._relay_seconds:
            return Sent()
        return self._relay(beat, group, now)

    def run(self, stopping: threading.Event) -> None:
        """Watch until ``stopping``."""
        tick = min(_LONGEST_TICK, self._silence / 10 or _LONGEST_TICK, self._ping_seconds / 4)
        while not stopping.wait(tick):
            self._progress.moving(LOOP, within=_STALLED_SECONDS)
            self.watch()
        self._progress.ended(LOOP)

    def watch(self) -> None:
        """One look: is the heartbeat overdue, does Slack take us again, is the outside watchdog to be told."""
        before = self._record.known
        beat = self._record.read()
        overdue = bool(self._silence) and self._age(beat) > self._silence
        if overdue:
            self._report_silence(self._overdue())
        elif before.silent_since and not beat.silent_since:
            # Reported by this replica alone, and another knows better; or by all, and another has sent it: then once.
            self._report_return(before)
        self._metrics.silent.set(1 if overdue or self._record.read().silent_since else 0)
        if self._sender.refusal and self._clock() - self._probed_at >= _PROBE_SECONDS:
            self._probed_at = self._clock()
            self._sender.probe()
        if self._ping_url and not overdue and self._clock() - self._pinged_at >= self._ping_seconds:
            self._pinged_at = self._clock()
            self._ping(self._ping_url)

    def _overdue(self) -> str:
        minutes = f"{self._silence / 60:g} min"
        if self._record.alone:
            return (
                f"No heartbeat at this replica for more than {minutes}, and the document store does not answer, by"
                " which it would know of heartbeats at others."
            )
        return f"No heartbeat for more than {minutes}: Prometheus or Alertmanager is down."

    def _newly_sent(self) -> int:
        with self._lock:
            so_far = self._sent_so_far()
            newly, self._sent_told = so_far - self._sent_told, so_far
            return newly

    def _relay(self, beat: Beat, group: WebhookBody, now: float) -> Outcome:
        alert = _about_us(
            key=digest("still watching", str(beat.relayed_at)),
            status=Status.FIRING,
            severity=Severity.INFO,
            title="Still watching",
            summary="Monitoring works, from Prometheus to this channel.",
        )
        outcome = self._deliver(alert, quiet_message("Still watching: monitoring works.", _seen_since(beat, group)))
        if isinstance(outcome, Sent | Duplicate):
            self._record.change(lambda beat: replace(beat, relayed_at=max(beat.relayed_at, now), seen=0, sent=0))
        return outcome

    def _report_silence(self, why: str) -> Outcome:
        beat = self._record.read()
        if beat.silent_since:
            return Sent()
        since = beat.seen_at or self._started_at
        alert = _about_us(
            key=digest("silent", str(beat.seen_at)),
            status=Status.FIRING,
            severity=Severity.CRITICAL,
            title="Monitoring is silent",
            summary=why,
            detail="Until it is back, nothing else will be reported. Look at the pods of Prometheus and Alertmanager,"
            " and at Alertmanager's log for failed notifications.",
        )
        outcome = self._deliver(alert, None)
        if isinstance(outcome, Sent | Duplicate):
            self._record.change(lambda beat: replace(beat, silent_since=since))
            log.error("monitoring is silent: %s", why, extra={"event": "monitoring_silent"})
        return outcome

    def _report_return(self, beat: Beat) -> None:
        alert = _about_us(
            key=digest("back", str(beat.silent_since)),
            status=Status.RESOLVED,
            severity=Severity.CRITICAL,
            title="Monitoring is silent",
            summary="The heartbeat is back.",
        )
        if isinstance(self._deliver(alert, None), Sent | Duplicate):
            self._record.change(lambda beat: replace(beat, silent_since=0.0))

    def _ping(self, url: str) -> None:
        """Only while the whole path works: the heartbeat comes in, and Slack takes messages."""
        beat = self._record.read()
        if not beat.seen_at or beat.silent_since or not self._sender.probe():
            self._metrics.pings.labels("withheld").inc()
            return
        failure = self._ping_failure(url)
        if failure:
            self._limited.warning(
                "ping", "the outside watchdog was not reached: %s", failure, extra={"event": "ping_failed"}
            )
        self._metrics.pings.labels("failed" if failure else "answered").inc()

    def _ping_failure(self, url: str) -> str | None:
        try:
            answer = self._outside.send("GET", url, seconds=_PING_SECONDS, max_bytes=_PING_BYTES)
        except ExchangeFailed as error:
            return str(error)
        return None if answer.status < 400 else f"status {answer.status}"


def _about_us(*, key: str, status: Status, severity: Severity, title: str, summary: str, detail: str = "") -> Alert:
    return Alert(
        source=Source.HEARTBEAT,
        key=key,
        incident="heartbeat" if severity is Severity.CRITICAL else "",
        status=status,
        severity=severity,
        title=title,
        labels={"severity": str(severity)},
        findings=(Finding(summary=summary, status=status, detail=detail),),
    )


def _seen_since(beat: Beat, group: WebhookBody) -> list[str]:
    """What the path carried since the last relay; records by feed, if the alert rule tells them."""
    lines = [f"{beat.seen:,} heartbeats and {beat.sent:,} messages since the last of these"]
    records = group.common_annotations.get("records") or group.alerts[0].annotations.get("records", "")
    return [*lines, f"records: {shown(records, 500)}"] if records else lines

"""Equal content is sent once: a claim on its key in the document store, shared by every replica.

::

    (none) --take--> sending --sent--> sent --window over--> (none)
       |                |----release-----------------------> (none)    Slack did not take it
       |                `----replica died, claim over------> taken by another
       `-----take, with the outbox item, in one commit-----> queued --window over--> (none)

A claim is made before the send, so that two replicas never send the same at once, and is held for ``claim_seconds``
only, so that a replica that dies takes nothing with it. Should it die between Slack's answer and ``sent``, the next
delivery is sent again: a message twice rather than none.

An incident's next content (its resolve, say) ends the claim on its last one, so an alert that fires, resolves and
fires again is sent three times, also within the window.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meetupkit.errors import Conflict, StoreUnavailable
from meetupkit.stores.documents import AtMost, Create, Delete, Document, DocumentStore, Put, Write

from meetup_alert_webhook.model import Alert, digest
from meetup_alert_webhook.slack.client import NOWHERE, Posted

CLAIMS: Final = "alert_claims"
INCIDENTS: Final = "alert_incidents"
INCIDENT_SECONDS: Final = 7 * 86400.0
"""How long an incident's message is remembered after it last changed; later, a resolve is a message of its own."""
_ATTEMPTS: Final = 5
"""Another replica can change the claim between our look and our write; so often in a row it is a stampede."""
_PURGE: Final = 400
"""Claims removed in one commit, below what a commit may hold."""


class State(StrEnum):
    SENDING = "sending"
    SENT = "sent"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class Taken:
    """The content is ours to send."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The content was sent, or is durably queued."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Another delivery of the same content is sending it; how that ends is known in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Incident:
    """What was last sent about an incident; ``root`` is its message, if it has one that can be answered."""

    latest: str = ""
    root: Posted = NOWHERE


class Claims:
    """Raises what the document store raises. ``clock`` is wall time: replicas compare it, to within seconds."""

    def __init__(
        self,
        store: DocumentStore,
        *,
        replica: str,
        window_seconds: float,
        claim_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._replica = replica
        self._window = window_seconds
        self._claim = claim_seconds
        self._clock = clock

    def take(self, key: str) -> Taken | Repeat | Busy:
        """Claim the content, to send it."""
        return self._write(key, State.SENDING, ())

    def queue(self, alert: Alert, channel: str, *items: Write) -> Taken | Repeat | Busy:
        """Claim the content and write the outbox ``items`` in one commit: durable when this returns."""
        others = (*items, *self._incident_writes(alert, channel, NOWHERE))
        try:
            return self._write(alert.key, State.QUEUED, others)
        except StoreUnavailable:
            if self._has_queued(alert.key):  # the commit was applied, and only its answer was lost
                return Taken()
            raise

    def queue_taken(self, alert: Alert, channel: str, *items: Write) -> None:
        """As ``queue``, for a claim that is ours already."""
        claim = Put(CLAIMS, alert.key, self._fields(State.QUEUED))
        self._store.commit([claim, *items, *self._incident_writes(alert, channel, NOWHERE)])

    def record_sent(self, alert: Alert, channel: str, posted: Posted) -> None:
        """Slack has taken the content; ``posted`` is the incident's message from now on."""
        claim = Put(CLAIMS, alert.key, self._fields(State.SENT))
        self._store.commit([claim, *self._incident_writes(alert, channel, posted)])

    def release(self, key: str) -> None:
        """The content was not sent; whoever brings it next may."""
        there = self._store.get(CLAIMS, [key]).get(key)
        if there is None or there.fields.get("by") != self._replica or there.fields.get("state") != State.SENDING:
            return
        try:
            self._store.commit([Delete(CLAIMS, key, expected_version=there.version)])
        except Conflict:
            return  # it ran out and was taken by another: theirs

    def incident(self, alert: Alert, channel: str) -> Incident:
        """What was last sent in the channel about the alert's incident."""
        name = _incident_name(alert, channel)
        there = self._store.get(INCIDENTS, [name]).get(name) if alert.incident else None
        if there is None or there.fields["expires_at"] <= self._clock():
            return Incident()
        return Incident(there.fields["latest"], Posted(there.fields["channel"], there.fields["ts"]))

    def purge(self) -> bool:
        """Remove what has run out, a commit's worth of each collection; whether more may be left."""
        claims, incidents = self._purge(CLAIMS), self._purge(INCIDENTS)
        return claims or incidents

    def _purge(self, collection: str) -> bool:
        over = self._store.query(
            collection, where=AtMost("expires_at", self._clock()), order_by=["expires_at"], limit=_PURGE
        )
        if over:
            try:
                self._store.commit([Delete(collection, each.name, expected_version=each.version) for each in over])
            except Conflict:
                return False  # another replica purges too, or a claim was renewed: next time
        return len(over) == _PURGE

    def _write(self, key: str, state: State, others: tuple[Write, ...]) -> Taken | Repeat | Busy:
        claim: Write = Create(CLAIMS, key, self._fields(state))
        for _ in range(_ATTEMPTS):
            try:
                self._store.commit([claim, *others])
            except Conflict:
                there = self._store.get(CLAIMS, [key]).get(key)
                if there is None:  # released meanwhile
                    claim = Create(CLAIMS, key, self._fields(state))
                    continue
                if verdict := self._verdict(there):
                    return verdict
                claim = Put(CLAIMS, key, self._fields(state), expected_version=there.version)
            else:
                return Taken()
        return Busy(1.0)

    def _has_queued(self, key: str) -> bool:
        there = self._store.get(CLAIMS, [key]).get(key)
        if there is None or (there.fields["by"], there.fields["state"]) != (self._replica, State.QUEUED):
            return False
        return self._verdict(there) is not None

    def _verdict(self, there: Document) -> Repeat | Busy | None:
        """What a claim says to those who come after it; ``None`` when it has run out."""
        now = self._clock()
        if there.fields["state"] == State.SENDING:
            left = float(there.fields["until"]) - now
            return Busy(left) if left > 0 else None
        return Repeat() if float(there.fields["expires_at"]) > now else None

    def _fields(self, state: State) -> dict[str, object]:
        now = self._clock()
        until = now + self._claim if state is State.SENDING else now
        return {
            "state": str(state),
            "by": self._replica,
            "until": until,
            "expires_at": now + self._window + (self._claim if state is State.SENDING else 0.0),
        }

    def _incident_writes(self, alert: Alert, channel: str, posted: Posted) -> list[Write]:
        """The incident as it is now, and the end of the claim on what was sent before."""
        if not alert.incident:
            return []
        before = self.incident(alert, channel).latest
        fields = {
            "latest": alert.key,
            "channel": posted.channel,
            "ts": posted.ts,
            "expires_at": self._clock() + INCIDENT_SECONDS,
        }
        ended: list[Write] = [Delete(CLAIMS, before)] if before and before != alert.key else []
        return [Put(INCIDENTS, _incident_name(alert, channel), fields), *ended]


def _incident_name(alert: Alert, channel: str) -> str:
    return digest(alert.incident, channel)

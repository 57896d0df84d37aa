"""Alerts that wait to be sent together: durable from the moment they are acknowledged until Slack has them.

::

    alert_outbox     one document an alert, written in the same commit as its claim
       |  fold       up to MAX_FOLD of them into the channel's digest, and their removal, in one commit
    alert_digests    one document a digest, leased to the replica that fills and sends it
       |  sent       removed when Slack has taken it
    alert_digests_unreadable     in its place: what no version that runs here can read, until a person has looked

So an alert is in exactly one of the two until it is in Slack. A replica that dies between Slack's answer and the
removal leaves a digest that another replica sends again when its lease has run out: twice rather than never.

A commit whose answer is lost may have been applied, so what a replica holds may be older than what is stored. What is
stored counts: it is looked at before a lease is renewed or a digest removed, and a digest is renewed before it is sent.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from meetupkit.errors import Conflict
from meetupkit.stores.documents import AtMost, Create, Delete, Document, DocumentStore, Put, Write

from meetup_alert_webhook import model as alerts
from meetup_alert_webhook.digest import model as digests
from meetup_alert_webhook.digest.model import Digest
from meetup_alert_webhook.model import Alert

log = logging.getLogger(__name__)

ITEMS: Final = "alert_outbox"
DIGESTS: Final = "alert_digests"
UNREADABLE: Final = "alert_digests_unreadable"
MAX_FOLD: Final = 400
"""Items of one commit, below what a commit may hold."""
_ORPHANS: Final = 20
"""Digests taken over at a time: each dead replica leaves at most one per channel."""
OTHER_VERSIONS_SECONDS: Final = 3600.0
"""For a replica that can read the digest: an update in steps, or its undoing, is a matter of minutes."""


@dataclass(slots=True)
class OpenDigest:
    """A digest that this replica fills and sends; ``version`` is its document's, for as long as it is ours."""

    name: str
    digest: Digest
    version: str
    leased_until: float
    removing: bool = False
    """Its removal has been asked for, and may have been done without an answer."""

    def refresh(self, stored: "OpenDigest") -> None:
        """Be as the document is."""
        self.digest, self.version, self.leased_until = stored.digest, stored.version, stored.leased_until


class Outbox:
    """Raises what the document store raises. ``clock`` is wall time, which replicas compare to within seconds."""

    def __init__(self, store: DocumentStore, *, replica: str, lease_seconds: float, clock: Callable[[], float]) -> None:
        self._store = store
        self._replica = replica
        self._lease = lease_seconds
        self._clock = clock

    def item(self, alert: Alert, channel: str) -> Write:
        """The write that puts the alert into the outbox, for a commit with its claim."""
        fields = {"channel": channel, "joined_at": self._clock(), "alert": alerts.to_json(alert)}
        return Create(ITEMS, uuid.uuid4().hex, fields)

    def waiting(self) -> int:
        """Alerts not yet folded into a digest."""
        return self._store.count(ITEMS)

    def fold(self, filling: dict[str, OpenDigest]) -> int:
        """Fold what waits, oldest first, into the digest of its channel; how many were folded.

        ``filling`` is by channel, and is changed only as the store is.
        """
        by_channel: dict[str, list[Document]] = {}
        for item in self._store.query(ITEMS, order_by=["joined_at"], limit=MAX_FOLD):
            by_channel.setdefault(item.fields["channel"], []).append(item)
        return sum(self._fold(channel, items, filling) for channel, items in by_channel.items())

    def _fold(self, channel: str, items: Sequence[Document], filling: dict[str, OpenDigest]) -> int:
        there = filling.get(channel)
        folded = there.digest if there else Digest(channel)
        for item in items:
            folded = _folded(folded, item)
        removals = [Delete(ITEMS, item.name, expected_version=item.version) for item in items]
        try:
            filling[channel] = self._write(there, folded, removals)
        except Conflict:
            # Another replica folded these items first, or holds our digest because our lease ran out, or an earlier
            # write of ours was applied without an answer. Nothing was written now; the digest is what is stored.
            if there:
                self._refresh(there, filling)
            return 0
        return len(items)

    def _refresh(self, held: OpenDigest, filling: dict[str, OpenDigest]) -> None:
        try:
            held.refresh(self._ours(held.name))
        except Conflict:
            del filling[held.digest.channel]

    def is_short(self, held: OpenDigest) -> bool:
        """Whether half of the lease is over: time to renew it, with as much time to try again."""
        return held.leased_until - self._clock() < self._lease / 2

    def renew(self, held: OpenDigest) -> None:
        """Keep the lease, and hold what is stored; raises ``Conflict`` if the digest is not ours any more."""
        stored = self._ours(held.name)
        held.refresh(self._write(stored, stored.digest, ()))

    def sent(self, held: OpenDigest) -> None:
        """Slack has taken the digest; raises ``Conflict`` if another replica has it now, or had, and sends it too."""
        asked_before, held.removing = held.removing, True
        document = self._document(held.name)
        if document is None and asked_before:
            return
        stored = self._opened(held.name, document)
        self._store.commit([Delete(DIGESTS, held.name, expected_version=stored.version)])

    def hand_over(self, held: OpenDigest) -> None:
        """Let another replica, or the next start, take the digest at once; raises ``Conflict`` as ``renew``."""
        stored = self._ours(held.name)
        fields = {**self._fields(stored.digest), "until": self._clock()}
        self._store.commit([Put(DIGESTS, held.name, fields, expected_version=stored.version)])

    def take_over(self) -> Iterator[OpenDigest]:
        """Digests whose replica is gone, or was away for longer than its lease; each is ours when it is yielded."""
        for document in self._store.query(
            DIGESTS, where=AtMost("until", self._clock()), order_by=["until"], limit=_ORPHANS
        ):
            digest = _read(document)
            if digest is None:
                self._leave_or_dead_letter(document)
                continue
            try:
                taken_over = self._write(OpenDigest(document.name, digest, document.version, 0.0), digest, ())
            except Conflict:
                continue  # another replica was faster
            yield taken_over

    def unreadable(self) -> int:
        """Digests that are dead letters: operator action required."""
        return self._store.count(UNREADABLE)

    def _leave_or_dead_letter(self, document: Document) -> None:
        """First another version may read it; then it becomes a dead letter, kept whole.

        Its alerts were acknowledged and not sent: operator action required.
        """
        if self._clock() - float(document.fields["until"]) < OTHER_VERSIONS_SECONDS:
            return
        aside = Put(UNREADABLE, document.name, {**document.fields, "set_aside_at": self._clock()})
        try:
            self._store.commit([aside, Delete(DIGESTS, document.name, expected_version=document.version)])
        except Conflict:
            return  # another replica was faster
        log.error(
            "a digest cannot be read and is kept as a dead letter in %s: %s",
            UNREADABLE,
            document.name,
            extra={"event": "digest_unreadable"},
        )

    def _write(self, held: OpenDigest | None, digest: Digest, others: Sequence[Write]) -> OpenDigest:
        name = held.name if held else uuid.uuid4().hex
        write = Put(DIGESTS, name, self._fields(digest), expected_version=held.version if held else None)
        self._store.commit([write, *others])
        return self._ours(name)

    def _ours(self, name: str) -> OpenDigest:
        return self._opened(name, self._document(name))

    def _document(self, name: str) -> Document | None:
        return self._store.get(DIGESTS, [name]).get(name)

    def _opened(self, name: str, document: Document | None) -> OpenDigest:
        """The digest as it is stored; raises ``Conflict`` unless this replica was the last to write it."""
        if document is None or document.fields.get("by") != self._replica:
            raise Conflict(f"another replica has the digest {name}, or had")
        fields = document.fields
        return OpenDigest(name, digests.from_json(fields["digest"]), document.version, float(fields["until"]))

    def _fields(self, digest: Digest) -> dict[str, object]:
        return {"by": self._replica, "until": self._clock() + self._lease, "digest": digests.to_json(digest)}


def _read(document: Document) -> Digest | None:
    """The digest; ``None`` if another version wrote it in another form."""
    try:
        return digests.from_json(str(document.fields.get("digest")))
    except ValueError:
        return None


def _folded(digest: Digest, item: Document) -> Digest:
    """The digest with the item; one that another version wrote in another form is counted, and never stops the rest."""
    at = float(item.fields["joined_at"])
    try:
        return digest.fold(alerts.from_json(item.fields["alert"]), at)
    except ValueError:
        log.error("an alert in the outbox cannot be read any more", extra={"event": "outbox_unreadable"})
        return digest.fold_unreadable(at)

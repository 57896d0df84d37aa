"""Alerts that wait to be sent together: durable from the moment they are acknowledged until Slack has them.

::

    alert_outbox     one document an alert, written in the same commit as its claim
       |  fold       up to MAX_FOLD of them into the channel's digest, and their removal, in one commit
    alert_digests    one document a digest, leased to the replica that fills and sends it
       |  sent       removed when Slack has taken it

So an alert is in exactly one of the two until it is in Slack. A replica that dies between Slack's answer and the
removal leaves a digest that another replica sends again when its lease has run out: twice rather than never.
"""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from meetupkit.errors import Conflict
from meetupkit.stores.documents import AtMost, Create, Delete, Document, DocumentStore, Put, Write

from meetup_alert_webhook import alerts, digests
from meetup_alert_webhook.alerts import Alert
from meetup_alert_webhook.digests import Digest

log = logging.getLogger(__name__)

ITEMS: Final = "alert_outbox"
DIGESTS: Final = "alert_digests"
MAX_FOLD: Final = 400
"""Items of one commit, below what a commit may hold."""
_ORPHANS: Final = 20
"""Digests taken over at a time: each dead replica leaves at most one a channel."""


@dataclass(slots=True)
class OpenDigest:
    """A digest that this replica fills and sends; ``version`` is its document's, for as long as it is ours."""

    name: str
    digest: Digest
    version: str
    leased_until: float


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
            # Another replica folded these items first, or holds our digest because our lease ran out. Either way
            # nothing was written; the digest stays with whoever has its document.
            if there and not self._is_ours(there):
                del filling[channel]
            return 0
        return len(items)

    def renew(self, held: OpenDigest) -> OpenDigest:
        """Keep the lease of a digest; raises ``Conflict`` if another replica has it now."""
        return self._write(held, held.digest, ())

    def sent(self, held: OpenDigest) -> None:
        """Slack has taken the digest; raises ``Conflict`` if another replica has it now, and sends it too."""
        self._store.commit([Delete(DIGESTS, held.name, expected_version=held.version)])

    def hand_over(self, held: OpenDigest) -> None:
        """Let another replica, or the next start, take the digest at once; raises ``Conflict`` as ``renew``."""
        fields = {**self._fields(held.digest), "until": self._clock()}
        self._store.commit([Put(DIGESTS, held.name, fields, expected_version=held.version)])

    def adopt(self) -> list[OpenDigest]:
        """Digests whose replica is gone; they are ours now."""
        adopted = []
        for document in self._store.query(
            DIGESTS, where=AtMost("until", self._clock()), order_by=["until"], limit=_ORPHANS
        ):
            try:
                digest = digests.from_json(document.fields["digest"])
                adopted.append(self._write(OpenDigest(document.name, digest, document.version, 0.0), digest, ()))
            except Conflict:
                continue  # another replica was faster
            except ValueError:
                log.error("a digest cannot be read any more", extra={"event": "digest_unreadable"})
        return adopted

    def _write(self, held: OpenDigest | None, digest: Digest, others: Sequence[Write]) -> OpenDigest:
        name = held.name if held else uuid.uuid4().hex
        leased_until = self._clock() + self._lease
        write = Put(DIGESTS, name, self._fields(digest), expected_version=held.version if held else None)
        self._store.commit([write, *others])
        return OpenDigest(name, digest, self._version(name), leased_until)

    def _is_ours(self, held: OpenDigest) -> bool:
        return self._version(held.name) == held.version

    def _version(self, name: str) -> str:
        there = self._store.get(DIGESTS, [name], only=["until"]).get(name)
        return there.version if there else ""

    def _fields(self, digest: Digest) -> dict[str, object]:
        return {"by": self._replica, "until": self._clock() + self._lease, "digest": digests.to_json(digest)}


def _folded(digest: Digest, item: Document) -> Digest:
    """The digest with the item; one that another version wrote in another form is counted, and never stops the rest."""
    at = float(item.fields["joined_at"])
    try:
        return digest.fold(alerts.from_json(item.fields["alert"]), at)
    except ValueError:
        log.error("an alert in the outbox cannot be read any more", extra={"event": "outbox_unreadable"})
        return digest.fold_unreadable(at)

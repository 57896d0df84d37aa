"""Two feeds with one bucket and one label would move one checkpoint: one keeps it, the other is refused. No I/O.

The older feed keeps it. Creation times have whole seconds: within one, the feed whose pod runs keeps it, then the one
that this operator has begun to carry out, then the lower uid; so every operator decides alike, and exactly one runs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from meetup_feed_operator.resources.meetupfeed import InvalidFeed, Manifest, MeetupFeed

Target = tuple[str, str]
"""``bucket[/prefix]`` and label."""


class LabelTaken(InvalidFeed):
    """Another feed writes there already."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What tells feeds of one second apart, by uid: whose Deployment has a pod, and whose was begun."""

    running: Collection[str] = ()
    begun: Collection[str] = ()


def refuse_conflict(feed: MeetupFeed, others: Collection[Manifest], claims: Claims, *, bucket: str) -> None:
    """Raise ``LabelTaken`` if another of the feeds that write there keeps the prefix."""
    own = _rank(feed.created, feed.uid, claims)
    for other in others:
        meta = other["metadata"]
        counts = meta["uid"] != feed.uid and not meta.get("deletionTimestamp")
        if counts and _rank(meta.get("creationTimestamp", ""), meta["uid"], claims) < own:
            where = f"gs://{feed.spec.bucket or bucket}/{feed.label}/"
            name = f"{meta['namespace']}/{meta['name']}"
            raise LabelTaken(f"MeetupFeed {name} writes to {where} already; name another label")


def target_of(feed: Mapping[str, Any], bucket: str) -> Target:
    """Where a MeetupFeed writes, as far as its spec says; ``bucket`` is of those that name none."""
    spec = feed.get("spec") or {}
    return str(spec.get("bucket") or bucket), str(spec.get("label") or spec.get("feed") or "")


def _rank(created: str, uid: str, claims: Claims) -> tuple[object, ...]:
    runs = uid in claims.running
    return created, not runs, not runs and uid not in claims.begun, uid

"""Two feeds with one bucket and one label would move one cursor: the older keeps it, the younger is told. No I/O."""

from collections.abc import Iterable

from meetup_feed_operator.resource import InvalidFeed, Manifest, MeetupFeed

Target = tuple[str, str]
"""``bucket[/prefix]`` and label."""


class LabelTaken(InvalidFeed):
    """Another feed writes there already."""


def refuse_rival(feed: MeetupFeed, feeds: Iterable[Manifest], *, bucket: str) -> None:
    """Raise ``LabelTaken`` if an older feed writes under the same prefix; ``bucket`` is of those that name none."""
    target = (feed.spec.bucket or bucket, feed.label)
    for other in feeds:
        meta = other["metadata"]
        is_older = (meta.get("creationTimestamp", ""), meta["uid"]) < (feed.created, feed.uid)
        if is_older and _target(other, bucket) == target:
            older, where = f"{meta['namespace']}/{meta['name']}", f"gs://{target[0]}/{target[1]}/"
            raise LabelTaken(f"MeetupFeed {older} writes to {where} already; name another label")


def _target(feed: Manifest, bucket: str) -> Target:
    spec = feed.get("spec", {})
    return spec.get("bucket") or bucket, spec.get("label") or spec.get("feed", "")

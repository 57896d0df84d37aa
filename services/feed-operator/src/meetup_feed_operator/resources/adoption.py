"""Whose an object is: a feed's own by its owner, or left behind by one of that name, or somebody else's. No I/O."""

from collections.abc import Mapping
from typing import Any

from meetup_feed_operator.resources.meetupfeed import InvalidFeed, MeetupFeed
from meetup_feed_operator.resources.names import FEED_LABEL, OPERATOR, bounded

_MANAGED_BY = "app.kubernetes.io/managed-by"


class NameTaken(InvalidFeed):
    """An object that the feed needs is there already, and is not the feed's."""


def is_own(feed: MeetupFeed, body: Mapping[str, Any]) -> bool:
    """Whether the feed is among the object's owners, and no other controller is."""
    owners = body["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == feed.uid for owner in owners) and not any(
        owner.get("controller") and owner.get("uid") != feed.uid for owner in owners
    )


def refuse_foreign(feed: MeetupFeed, kind: str, body: Mapping[str, Any]) -> None:
    """Raise ``NameTaken`` unless the object is the feed's, or an orphan that bears the operator's and its labels."""
    meta = body["metadata"]
    owners, labels = meta.get("ownerReferences") or [], meta.get("labels") or {}
    left_behind = labels.get(_MANAGED_BY) == OPERATOR and labels.get(FEED_LABEL) == bounded(feed.name)
    if is_own(feed, body) or (not owners and left_behind):
        return
    who = f"belongs to {owners[0].get('kind')} {owners[0].get('name')}" if owners else "was made by somebody else"
    if left_behind and any(owner.get("name") == feed.name for owner in owners):
        who = "belongs to a deleted MeetupFeed of this name and waits for the garbage collector"
    raise NameTaken(
        f"{kind} {meta['name']} {who}, so it is left as it is and nothing is made; rename the MeetupFeed or that object"
    )

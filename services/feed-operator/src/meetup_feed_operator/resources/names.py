"""Names and labels of what a feed owns. No I/O."""

import hashlib
import re
from typing import Final

from meetup_feed_operator.resources.meetupfeed import GROUP

OPERATOR: Final = "meetup-feed-operator"
"""Field manager, value of ``app.kubernetes.io/managed-by``, and the source of events."""
FEED_LABEL: Final = f"{GROUP}/feed"
"""On every object of a feed; its value is ``bounded(name of the MeetupFeed)``."""
MANAGED: Final = f"app.kubernetes.io/managed-by={OPERATOR}"
"""Selects, at the API server, what this operator made."""
MAX_NAME: Final = 63
"""A DNS label (RFC 1035): the bound of label values and of the names of pods' hosts and Services."""
_HASH: Final = 8
"""Hex digits of SHA-256: 32 bits, enough to tell apart the few hundred feeds of a namespace."""


def bounded(name: str, suffix: str = "") -> str:
    """``name`` and ``suffix`` as one DNS label; a name that had to be changed gets a hash of it."""
    plain = re.sub(r"[^a-z0-9-]", "-", name)
    if plain == name and len(name) + len(suffix) <= MAX_NAME:
        return name + suffix
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    kept = plain[: MAX_NAME - len(suffix) - _HASH - 1].rstrip("-")
    return f"{kept}-{digest}{suffix}"


def stream_name(feed: str) -> str:
    """The name of the Deployment and of everything else that belongs to the MeetupFeed."""
    return bounded(feed, "-stream")


def selector_of(feed: str) -> dict[str, str]:
    """The labels its pods are selected by; a Deployment can never change them."""
    return {"app.kubernetes.io/name": "meetup-stream", FEED_LABEL: bounded(feed)}


def labels_of(feed: str) -> dict[str, str]:
    """The labels of everything that belongs to the MeetupFeed."""
    return {
        **selector_of(feed),
        "app.kubernetes.io/instance": bounded(feed),
        "app.kubernetes.io/component": "stream",
        "app.kubernetes.io/part-of": "meetup-analysis",
        "app.kubernetes.io/managed-by": OPERATOR,
    }

"""What the cluster was last seen to hold: fed by the watches and by the lists, read by the reconciler. No I/O.

Only what is needed of each object is kept, so that hundreds of feeds fit into some megabytes. What is asked in each
reconciliation has an index, so that its cost does not grow with the number of feeds.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from meetup_feed_operator.kubernetes.field_managers import foreign_managers
from meetup_feed_operator.kubernetes.kinds import DEPLOYMENT, FEED, POD, Kind
from meetup_feed_operator.resources.conflicts import Target, target_of
from meetup_feed_operator.resources.meetupfeed import FeedKey, Manifest, key_of
from meetup_feed_operator.resources.names import FEED_LABEL, bounded

_META: Final = (
    "name",
    "namespace",
    "uid",
    "generation",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "ownerReferences",
)
_POD_STATUS: Final = ("phase", "podIP", "conditions", "containerStatuses", "reason", "message")


class Cache:
    """The last seen state of the feeds, of what belongs to them, and of their pods.

    ``bucket`` is that of feeds which name none.
    """

    def __init__(self, bucket: str = "") -> None:
        self._bucket = bucket
        self._objects: dict[Kind, dict[FeedKey, Manifest]] = {}
        self._feed_by_label: dict[tuple[str, str], FeedKey] = {}
        self._feeds_by_target: defaultdict[Target, set[FeedKey]] = defaultdict(set)
        self._pods_by_label: defaultdict[tuple[str, str], set[FeedKey]] = defaultdict(set)
        self._meanwhile: dict[Kind, set[FeedKey]] = {}

    def observe(self, kind: Kind, body: Mapping[str, Any], *, gone: bool = False) -> FeedKey | None:
        """Remember the object, or that it is gone; returns the feed it belongs to, if this version is news.

        The watches bring back each write of the operator itself, whose answer was remembered already.
        """
        key = key_of(body)
        if kind in self._meanwhile:
            self._meanwhile[kind].add(key)
        before = self._all(kind).get(key)
        if not gone and _is_same(before, body):
            return None
        after = None if gone else _kept(kind, body)
        self._index(kind, key, before, after)
        if after is None:
            self._all(kind).pop(key, None)
        else:
            self._all(kind)[key] = after
        return self.feed_of(kind, body) if _version(before) != _version(after) else None

    def expect_list(self, kind: Kind) -> None:
        """The kind is about to be listed: what is observed from now until ``replace`` is newer than the list."""
        self._meanwhile[kind] = set()

    def replace(self, kind: Kind, bodies: Iterable[Mapping[str, Any]]) -> set[FeedKey]:
        """The complete list of the kind; returns the feeds to which something was added, changed or lost."""
        before, after = self._all(kind), dict[FeedKey, Manifest]()
        for body in bodies:
            known = before.get(key := key_of(body))
            after[key] = known if known and _is_same(known, body) else _kept(kind, body)
        for key in self._meanwhile.pop(kind, set()):
            after.pop(key, None)
            if key in before:
                after[key] = before[key]
        changed = [key for key in before.keys() | after.keys() if _version(before.get(key)) != _version(after.get(key))]
        for key in changed:
            self._index(kind, key, before.get(key), after.get(key))
        self._objects[kind] = after
        if kind == FEED:  # those that are gone are kept no longer
            self._feed_by_label = {(namespace, bounded(name)): (namespace, name) for namespace, name in after}
        woken = {self.feed_of(kind, after.get(key) or before.get(key) or {}) for key in changed}
        return {feed for feed in woken if feed is not None}

    def feed_of(self, kind: Kind, body: Mapping[str, Any]) -> FeedKey | None:
        """The feed the object belongs to by its label, if there is such a feed."""
        if kind == FEED:
            return key_of(body)
        return self._feed_by_label.get(_label(body))

    def get(self, kind: Kind, key: FeedKey) -> Manifest | None:
        """The object as it was last seen."""
        return self._all(kind).get(key)

    def feeds(self) -> Mapping[FeedKey, Manifest]:
        return self._all(FEED)

    def feeds_of(self, target: Target) -> Collection[Manifest]:
        """The feeds that write there."""
        feeds = self._all(FEED)
        return [feeds[key] for key in self._feeds_by_target.get(target, ()) if key in feeds]

    def pods(self, feed: FeedKey) -> list[Manifest]:
        """The pods of the feed, newest first."""
        pods = self._all(POD)
        found = [pods[key] for key in self._pods_by_label.get((feed[0], bounded(feed[1])), ()) if key in pods]
        return sorted(found, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)

    def _all(self, kind: Kind) -> dict[FeedKey, Manifest]:
        return self._objects.setdefault(kind, {})

    def _index(self, kind: Kind, key: FeedKey, before: Manifest | None, after: Manifest | None) -> None:
        if kind == FEED:
            self._feed_by_label[key[0], bounded(key[1])] = key
            if before:
                _discard(self._feeds_by_target, target_of(before, self._bucket), key)
            if after:
                self._feeds_by_target[target_of(after, self._bucket)].add(key)
        elif kind == POD:
            if before:
                _discard(self._pods_by_label, _label(before), key)
            if after:
                self._pods_by_label[_label(after)].add(key)


def _discard(index: "defaultdict[tuple[str, str], set[FeedKey]]", where: tuple[str, str], key: FeedKey) -> None:
    index[where].discard(key)
    if not index[where]:
        del index[where]


def _label(body: Mapping[str, Any]) -> tuple[str, str]:
    meta = body["metadata"]
    return meta["namespace"], (meta.get("labels") or {}).get(FEED_LABEL, "")


def _version(body: Manifest | None) -> object:
    return None if body is None else (body["metadata"].get("uid"), body["metadata"].get("resourceVersion"))


def _is_same(known: Manifest | None, body: Mapping[str, Any]) -> bool:
    """Whether it is the version that is known: nearly all of what the watches and the lists bring is."""
    meta = body["metadata"]
    return known is not None and "resourceVersion" in meta and _version(known) == (meta["uid"], meta["resourceVersion"])


def _kept(kind: Kind, body: Mapping[str, Any]) -> Manifest:
    meta = body["metadata"]
    kept: Manifest = {"metadata": {name: meta[name] for name in _META if name in meta}}
    if kind == POD:
        status = body.get("status") or {}
        kept["status"] = {name: status[name] for name in _POD_STATUS if name in status}
        kept["opsPort"] = _ops_port(body)
    elif kind == FEED:
        kept |= {name: body[name] if isinstance(body.get(name), dict) else {} for name in ("spec", "status")}
    elif "status" in body:
        kept["status"] = body["status"]
    if kind == DEPLOYMENT:
        kept["replicas"] = (body.get("spec") or {}).get("replicas", 1)
    if kind not in (FEED, POD):
        kept["foreign"] = foreign_managers(meta)
    return kept


def _ops_port(pod: Mapping[str, Any]) -> int | None:
    for container in (pod.get("spec") or {}).get("containers") or []:
        for port in container.get("ports") or []:
            if port.get("name") == "ops":
                return int(port["containerPort"])
    return None

"""What the cluster was last seen to hold: fed by the watches and by the lists, read by the reconciler. No I/O.

Only what is needed of each object is kept, so that hundreds of feeds fit into some megabytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from meetup_feed_operator.kinds import FEED, POD, Kind
from meetup_feed_operator.names import FEED_LABEL, bounded
from meetup_feed_operator.ownership import foreign_managers
from meetup_feed_operator.resource import FeedKey, Manifest, key_of

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


class Cluster:
    """The last seen state of the feeds, of what belongs to them, and of their pods."""

    def __init__(self) -> None:
        self._objects: dict[Kind, dict[FeedKey, Manifest]] = {}
        self._feed_by_label: dict[tuple[str, str], FeedKey] = {}
        self._meanwhile: dict[Kind, set[FeedKey]] = {}

    def observe(self, kind: Kind, body: Mapping[str, Any], *, gone: bool = False) -> FeedKey | None:
        """Remember the object, or that it is gone; returns the feed it belongs to."""
        key = key_of(body)
        if kind in self._meanwhile:
            self._meanwhile[kind].add(key)
        if kind == FEED:
            self._feed_by_label[key[0], bounded(key[1])] = key
        if gone:
            self._all(kind).pop(key, None)
        else:
            self._all(kind)[key] = _kept(kind, body)
        return self.feed_of(kind, body)

    def expect_list(self, kind: Kind) -> None:
        """The kind is about to be listed: what is observed from now until ``replace`` is newer than the list."""
        self._meanwhile[kind] = set()

    def replace(self, kind: Kind, bodies: Iterable[Mapping[str, Any]]) -> set[FeedKey]:
        """The complete list of the kind; returns the feeds to which something was added, changed or lost."""
        before, after = self._all(kind), {key_of(body): _kept(kind, body) for body in bodies}
        for key in self._meanwhile.pop(kind, set()):
            after.pop(key, None)
            if key in before:
                after[key] = before[key]
        woken = set()
        for key in before.keys() | after.keys():
            old, new = before.get(key), after.get(key)
            if _version(old) != _version(new):
                woken.add(self.feed_of(kind, new or old or {}))
        self._objects[kind] = after
        if kind == FEED:
            self._feed_by_label = {(namespace, bounded(name)): (namespace, name) for namespace, name in after}
        return {feed for feed in woken if feed is not None}

    def feed_of(self, kind: Kind, body: Mapping[str, Any]) -> FeedKey | None:
        """The feed the object belongs to by its label, if there is such a feed."""
        if kind == FEED:
            return key_of(body)
        label = (body["metadata"].get("labels") or {}).get(FEED_LABEL, "")
        return self._feed_by_label.get((body["metadata"]["namespace"], label))

    def get(self, kind: Kind, key: FeedKey) -> Manifest | None:
        """The object as it was last seen."""
        return self._all(kind).get(key)

    def feeds(self) -> Mapping[FeedKey, Manifest]:
        return self._all(FEED)

    def pods(self, feed: FeedKey) -> list[Manifest]:
        """The pods of the feed, newest first."""
        label = bounded(feed[1])
        pods = (
            pod
            for (namespace, _), pod in self._all(POD).items()
            if namespace == feed[0] and pod["metadata"].get("labels", {}).get(FEED_LABEL) == label
        )
        return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)

    def _all(self, kind: Kind) -> dict[FeedKey, Manifest]:
        return self._objects.setdefault(kind, {})


def _version(body: Manifest | None) -> object:
    return None if body is None else (body["metadata"].get("uid"), body["metadata"].get("resourceVersion"))


def _kept(kind: Kind, body: Mapping[str, Any]) -> Manifest:
    meta = body["metadata"]
    kept: Manifest = {"metadata": {name: meta[name] for name in _META if name in meta}}
    if kind == POD:
        status = body.get("status", {})
        kept["status"] = {name: status[name] for name in _POD_STATUS if name in status}
        kept["opsPort"] = _ops_port(body)
    elif kind == FEED:
        kept |= {"spec": body.get("spec", {}), "status": body.get("status", {})}
    elif "status" in body:
        kept["status"] = body["status"]
    if kind not in (FEED, POD):
        kept["foreign"] = foreign_managers(meta)
    return kept


def _ops_port(pod: Mapping[str, Any]) -> int | None:
    for container in pod.get("spec", {}).get("containers", []):
        for port in container.get("ports", []):
            if port.get("name") == "ops":
                return int(port["containerPort"])
    return None

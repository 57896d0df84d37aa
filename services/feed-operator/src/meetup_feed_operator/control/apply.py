"""Makes the cluster equal to a feed's manifests, by server-side apply, and says what it changed.

What was applied is remembered with the version the API server answered, so that an object nobody touched costs no
request. The memory is only a saving: without it (after a start) everything is applied once more, which changes nothing.

Nothing is touched that is not the feed's own: before an object is written whose owner was not seen, it is read.
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from meetup_feed_operator.kubernetes.cache import Cache
from meetup_feed_operator.kubernetes.client import ApiRefused, KubeApi
from meetup_feed_operator.kubernetes.field_managers import take_over
from meetup_feed_operator.kubernetes.kinds import DEPLOYMENT, Kind, kind_of
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.resources.adoption import is_own, refuse_foreign
from meetup_feed_operator.resources.meetupfeed import FeedKey, Manifest, MeetupFeed
from meetup_feed_operator.resources.names import stream_name

log = logging.getLogger(__name__)

_TAKE_OVER: Final = "/metadata/managedFields"


class Change(StrEnum):
    """What was done to an object."""

    CREATED = "created"
    UPDATED = "updated"
    REPAIRED = "repaired"
    """It was as this operator had left it no more: someone else had changed or deleted it."""
    STOPPED = "stopped"
    """A Deployment scaled to nothing, because its feed may not run."""


@dataclass(frozen=True, slots=True)
class Applied:
    """An object that was changed; ``version`` is the one it has now, the same for every operator."""

    kind: str
    name: str
    change: Change
    version: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.change}"


@dataclass(frozen=True, slots=True)
class _Left:
    """How an object was left."""

    fingerprint: str
    version: object


@dataclass(frozen=True, slots=True)
class _Settled:
    """A feed that was carried out, and the versions of all its objects as they were judged then."""

    feed: MeetupFeed
    versions: dict[Kind, object]


class Applier:
    """Applies manifests; remembers how it left each object."""

    def __init__(self, api: KubeApi, cache: Cache, metrics: Metrics) -> None:
        self._api = api
        self._cache = cache
        self._metrics = metrics
        self._left: dict[FeedKey, dict[Kind, _Left]] = {}
        self._settled: dict[FeedKey, _Settled] = {}

    def settled(self, body: Manifest) -> MeetupFeed | None:
        """The feed, if this version of it was carried out and nothing of any of its objects has changed since then.

        So most looks at a feed need no manifests.
        """
        meta = body["metadata"]
        key = (meta["namespace"], stream_name(meta["name"]))
        found = self._settled.get(key)
        if found is None or (found.feed.uid, found.feed.generation) != (meta["uid"], meta.get("generation", 0)):
            return None
        if any(_exact_version(self._cache.get(kind, key)) != version for kind, version in found.versions.items()):
            return None
        return found.feed

    async def apply(self, feed: MeetupFeed, manifests: list[Manifest]) -> list[Applied]:
        """In the given order; returns what was changed.

        Raises ``NameTaken`` before anything is written, ``ApiUnavailable`` or ``ApiRefused``.
        """
        seen = {kind_of(manifest): await self._find(feed, manifest) for manifest in manifests}
        changes, versions = [], {}
        for manifest in manifests:
            kind = kind_of(manifest)
            change, after = await self._apply(manifest, seen[kind])
            versions[kind] = _exact_version(after)
            if change:
                changes.append(self._changed(manifest["kind"], after, change))
        self._settled[feed.namespace, stream_name(feed.name)] = _Settled(feed, versions)
        return changes

    async def stop(self, feed: MeetupFeed) -> list[Applied]:
        """Scale the feed's own Deployment to nothing; returns whether that changed anything."""
        key = (feed.namespace, stream_name(feed.name))
        seen = self._cache.get(DEPLOYMENT, key)
        if seen is None or not seen["replicas"] or not is_own(feed, seen):
            return []
        operations = [
            {"op": "test", "path": "/metadata/uid", "value": seen["metadata"]["uid"]},
            {"op": "replace", "path": "/spec/replicas", "value": 0},
        ]
        try:
            after = await self._api.patch(DEPLOYMENT, *key, operations)
        except ApiRefused as error:
            if error.status != 404:
                raise
            return []
        self._cache.observe(DEPLOYMENT, after)
        self._left.get(key, {}).pop(DEPLOYMENT, None)
        return [self._changed(DEPLOYMENT.name, after, Change.STOPPED)]

    def forget(self, objects: Iterable[FeedKey]) -> None:
        """The objects of these names went with their feed."""
        for key in objects:
            self._left.pop(key, None)
            self._settled.pop(key, None)

    async def _find(self, feed: MeetupFeed, manifest: Manifest) -> Manifest | None:
        """The object as it is: from the cache if that shows it to be the feed's, else asked for."""
        kind, key = kind_of(manifest), (manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        seen = self._cache.get(kind, key)
        if seen and is_own(feed, seen):
            return seen
        body = await self._api.find(kind, *key)
        if body is None:
            return None
        refuse_foreign(feed, kind.name, body)
        self._cache.observe(kind, body)
        return self._cache.get(kind, key)

    async def _apply(self, manifest: Manifest, before: Manifest | None) -> tuple[Change | None, Manifest]:
        kind = kind_of(manifest)
        key = (manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        fingerprint = _fingerprint(manifest)
        left = self._left.get(key, {}).get(kind)
        if before and left == _Left(fingerprint, _version(before)) and _is_as_left(manifest, before):
            return None, before
        if before and before["foreign"]:
            await self._take_over(kind, key, before["foreign"])
        after = await self._write(kind, manifest, before)
        self._cache.observe(kind, after)
        self._left.setdefault(key, {})[kind] = _Left(fingerprint, _version(after))
        if before and _version(before) == _version(after) and _is_as_left(manifest, before):
            return None, after
        if left and left.fingerprint == fingerprint:
            return Change.REPAIRED, after
        return Change.UPDATED if before else Change.CREATED, after

    async def _write(self, kind: Kind, manifest: Manifest, before: Manifest | None) -> Manifest:
        """Bound to the object that was judged: by its uid, or, where there was none, without taking fields by force."""
        if before is None:
            return await self._api.apply(kind, manifest, force=False)
        bound = {**manifest, "metadata": {**manifest["metadata"], "uid": before["metadata"]["uid"]}}
        return await self._api.apply(kind, bound)

    async def _take_over(self, kind: Kind, key: FeedKey, managers: list[str]) -> None:
        body = await self._api.get(kind, *key)
        managed = body["metadata"].get("managedFields", [])
        taken = take_over(managed)
        if taken == managed:
            return
        version = body["metadata"]["resourceVersion"]
        operations = [
            {"op": "replace", "path": _TAKE_OVER, "value": taken},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},  # refused if it changed meanwhile
        ]
        await self._api.patch(kind, *key, operations)
        log.info(
            "%s %s in %s: fields set by %s are put back",
            kind.name,
            key[1],
            key[0],
            ", ".join(managers),
            extra={"event": "foreign_fields", "kind": kind.name, "namespace": key[0], "name_": key[1]},
        )

    def _changed(self, kind: str, after: Manifest, change: Change) -> Applied:
        self._metrics.changes.labels(kind=kind, change=change.value).inc()
        return Applied(kind, after["metadata"]["name"], change, "/".join(map(str, _version(after))))


def _fingerprint(manifest: Manifest) -> str:
    return hashlib.sha256(msgspec.json.encode(manifest, order="sorted")).hexdigest()


def _version(body: Manifest) -> tuple[object, object]:
    """Changes with every change of the spec; with every change at all for kinds that count no generations."""
    meta = body["metadata"]
    return meta["uid"], meta.get("generation") or meta.get("resourceVersion")


def _exact_version(body: Manifest | None) -> object:
    """Changes with every change of anything."""
    return body and (body["metadata"]["uid"], body["metadata"].get("resourceVersion"))


def _is_as_left(manifest: Manifest, seen: Manifest) -> bool:
    """Labels and owner, which no generation counts, are as they should be, and the spec has no other author."""
    wanted, meta = manifest["metadata"], seen["metadata"]
    return (
        wanted["labels"].items() <= (meta.get("labels") or {}).items()
        and wanted["ownerReferences"][0]["uid"] in [owner["uid"] for owner in meta.get("ownerReferences", [])]
        and not seen["foreign"]
    )

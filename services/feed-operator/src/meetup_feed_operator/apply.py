"""Makes the cluster equal to the desired manifests, by server-side apply, and says what it changed.

What was applied is remembered with the version the API server answered, so that an object nobody touched costs no
request. The memory is only a saving: without it (after a start) everything is applied once more, which changes nothing.
"""

import hashlib
import json
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meetup_feed_operator.api import KubeApi
from meetup_feed_operator.cluster import Cluster
from meetup_feed_operator.kinds import Kind, kind_of
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.ownership import take_over
from meetup_feed_operator.resource import FeedKey, Manifest

log = logging.getLogger(__name__)

_TAKE_OVER: Final = "/metadata/managedFields"


class Change(StrEnum):
    """What was done to an object."""

    CREATED = "created"
    UPDATED = "updated"
    REPAIRED = "repaired"
    """It was as this operator had left it no more: someone else had changed or deleted it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """An object that was changed."""

    kind: str
    name: str
    change: Change

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.change}"


@dataclass(frozen=True, slots=True)
class _Left:
    """How an object was left."""

    fingerprint: str
    version: object


class Applier:
    """Applies manifests; remembers how it left each object."""

    def __init__(self, api: KubeApi, cluster: Cluster, metrics: Metrics) -> None:
        self._api = api
        self._cluster = cluster
        self._metrics = metrics
        self._left: dict[tuple[Kind, FeedKey], _Left] = {}

    async def apply(self, manifests: list[Manifest]) -> list[Applied]:
        """In the given order; returns what was changed. Raises ``ApiUnavailable`` or ``ApiRefused``."""
        changes = []
        for manifest in manifests:
            if change := await self._apply(manifest):
                changes.append(Applied(manifest["kind"], manifest["metadata"]["name"], change))
                self._metrics.changes.labels(kind=manifest["kind"], change=change.value).inc()
        return changes

    def forget(self, manifests: list[FeedKey]) -> None:
        """The objects of these names went with their feed."""
        names = set(manifests)
        self._left = {where: left for where, left in self._left.items() if where[1] not in names}

    async def _apply(self, manifest: Manifest) -> Change | None:
        kind = kind_of(manifest)
        key = (manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        fingerprint = _fingerprint(manifest)
        before = self._cluster.get(kind, key)
        left = self._left.get((kind, key))
        if before and left == _Left(fingerprint, _version(before)) and _is_ours(manifest, before):
            return None
        if before and before["foreign"]:
            await self._take_over(kind, key, before["foreign"])
        after = await self._api.apply(kind, manifest)
        self._cluster.observe(kind, after)
        self._left[kind, key] = _Left(fingerprint, _version(after))
        if before and _version(before) == _version(after) and _is_ours(manifest, before):
            return None
        if left and left.fingerprint == fingerprint:
            return Change.REPAIRED
        return Change.UPDATED if before else Change.CREATED

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


def _fingerprint(manifest: Manifest) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _version(body: Manifest) -> object:
    """Changes with every change of the spec; with every change at all for kinds that count no generations."""
    meta = body["metadata"]
    return meta["uid"], meta.get("generation") or meta.get("resourceVersion")


def _is_ours(manifest: Manifest, seen: Manifest) -> bool:
    """Labels and owner, which no generation counts, are as they should be, and the spec has no other author."""
    wanted, meta = manifest["metadata"], seen["metadata"]
    return (
        wanted["labels"].items() <= (meta.get("labels") or {}).items()
        and wanted["ownerReferences"][0]["uid"] in [owner["uid"] for owner in meta.get("ownerReferences", [])]
        and not seen["foreign"]
    )

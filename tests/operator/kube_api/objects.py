"""The objects of the API server: storage, resource versions, history for watches, managed fields, admission."""

import copy
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jsonschema
from field_sets import Path, from_fields, leaves, merge, remove, to_fields

Body = dict[str, Any]
_IDENTITY = {("f:apiVersion",), ("f:kind",)} | {
    ("f:metadata", f"f:{name}") for name in ("name", "namespace", "uid", "resourceVersion")
}
"""Nobody owns these: a server strips them from field sets."""
_SERVER_META = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")


class Refused(Exception):
    """An answer other than success, as a ``Status``."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message


@dataclass(frozen=True)
class Resource:
    group: str
    version: str
    plural: str
    kind: str
    status: bool = False
    generations: bool = True
    short: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass
class Changed:
    """One entry of the history."""

    version: int
    resource: Resource
    before: Body | None
    after: Body | None


@dataclass
class Objects:
    """All that is stored. ``schemas`` are JSON schemas by plural name, with defaults, as a CRD has them."""

    schemas: dict[str, Body] = field(default_factory=dict)
    version: int = 1
    stored: dict[tuple[str, str, str], Body] = field(default_factory=dict)
    history: list[Changed] = field(default_factory=list)
    listeners: list[Callable[[], None]] = field(default_factory=list)

    def get(self, resource: Resource, namespace: str, name: str) -> Body:
        body = self.stored.get((resource.plural, namespace, name))
        if body is None:
            raise Refused(404, "NotFound", f'{resource.plural} "{name}" not found')
        return body

    def create(self, resource: Resource, namespace: str, body: Body, manager: str) -> Body:
        meta = body.setdefault("metadata", {})
        name = meta.get("name") or meta.get("generateName", "") + uuid.uuid4().hex[:5]
        if (resource.plural, namespace, name) in self.stored:
            raise Refused(409, "AlreadyExists", f'{resource.plural} "{name}" already exists')
        new = {**body, "metadata": {**meta, "name": name, "namespace": namespace}}
        if resource.status:
            new.pop("status", None)
        return self._store(resource, None, new, manager, "Update", "")

    def update(
        self, resource: Resource, namespace: str, name: str, new: Body, manager: str, subresource: str = ""
    ) -> Body:
        """Replace; with a ``resourceVersion`` only if it is still that."""
        before = self.get(resource, namespace, name)
        asked = new.get("metadata", {}).get("resourceVersion")
        if asked and asked != before["metadata"]["resourceVersion"]:
            raise Refused(
                409, "Conflict", "the object has been modified; please apply your changes to the latest version"
            )
        return self._store(
            resource, before, _confined(resource, before, new, subresource), manager, "Update", subresource
        )

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        applied: Body,
        manager: str,
        *,
        force: bool,
        subresource: str = "",
    ) -> Body:
        """Server-side apply."""
        before = self.stored.get((resource.plural, namespace, name))
        if before is None and subresource:
            raise Refused(404, "NotFound", f'{resource.plural} "{name}" not found')
        uid = applied.get("metadata", {}).get("uid")
        if uid and (before is None or before["metadata"]["uid"] != uid):
            raise Refused(409, "Conflict", "the UID in the precondition does not match")
        applied = _confined(resource, None, applied, subresource)
        live = copy.deepcopy(before) if before else {}
        entry = _entry(live, manager, "Apply", subresource)
        wanted = leaves(applied)
        now = leaves(live)
        for other in _entries(live):
            if (other["manager"], other["operation"], other.get("subresource", "")) == (manager, "Apply", subresource):
                continue
            owned = from_fields(other["fieldsV1"])
            clash = {path for path in owned & wanted.keys() if now.get(path) != wanted[path]} - _IDENTITY
            if clash and not force:
                raise Refused(409, "Conflict", f"Apply failed with 1 conflict: conflict with {other['manager']}")
            other["fieldsV1"] = to_fields(owned - clash)
        merged: Body = merge(live, applied)
        mine = wanted.keys() - _IDENTITY
        others: set[Path] = set().union(
            *(from_fields(e["fieldsV1"]) for e in _entries(live) if entry is None or e is not entry)
        )
        for path in sorted((from_fields(entry["fieldsV1"]) if entry else set()) - mine, key=len):
            if not any(kept[: len(path)] == path for kept in others | mine):
                remove(merged, path)
        if entry is None:
            entry = {"manager": manager, "operation": "Apply", "apiVersion": resource.api_version}
            entry |= {"subresource": subresource} if subresource else {}
            merged["metadata"].setdefault("managedFields", []).append(entry)
        else:
            entry = _entry(merged, manager, "Apply", subresource) or entry
        entry["fieldsV1"] = to_fields(set(mine))
        merged["metadata"] |= {"name": name, "namespace": namespace}
        return self._store(resource, before, merged, manager, "Apply", subresource)

    def delete(self, resource: Resource, namespace: str, name: str) -> Body:
        before = self.get(resource, namespace, name)
        if before["metadata"].get("finalizers"):
            before = copy.deepcopy(before)
            before["metadata"]["deletionTimestamp"] = _now()
            return self._record(resource, self.stored[resource.plural, namespace, name], before)
        del self.stored[resource.plural, namespace, name]
        self._record(resource, before, None)
        return before

    def remove_all(self, resource: Resource) -> None:
        """What becomes of a kind's objects when its CRD is deleted."""
        for plural, namespace, name in [key for key in self.stored if key[0] == resource.plural]:
            before = self.stored.pop((plural, namespace, name))
            self._record(resource, before, None)

    def _store(
        self, resource: Resource, before: Body | None, new: Body, manager: str, operation: str, subresource: str
    ) -> Body:
        self._admit(resource, new)
        check_owners(new)
        if before is not None and resource.plural == "deployments":
            _check_immutable(before, new)
        meta = new["metadata"]
        old_meta = before["metadata"] if before else {}
        meta |= {"uid": old_meta.get("uid") or str(uuid.uuid4())}
        meta |= {"creationTimestamp": old_meta.get("creationTimestamp") or _now()}
        new |= {"apiVersion": resource.api_version, "kind": resource.kind}
        if operation == "Update":
            _own_changes(before, new, manager, subresource)
        meta["managedFields"] = [entry for entry in _entries(new) if entry.get("fieldsV1")]
        if resource.generations:
            changed = before is None or _spec(before) != _spec(new)
            meta["generation"] = old_meta.get("generation", 0) + int(changed)
        if before is not None:
            meta["resourceVersion"] = old_meta["resourceVersion"]
            if before == new:
                return before
        return self._record(resource, before, new)

    def _record(self, resource: Resource, before: Body | None, after: Body | None) -> Body:
        self.version += 1
        if after is not None:
            after["metadata"]["resourceVersion"] = str(self.version)
            meta = after["metadata"]
            self.stored[resource.plural, meta["namespace"], meta["name"]] = after
        self.history.append(Changed(self.version, resource, before, after))
        self.tell()
        return after or {}

    def tell(self) -> None:
        for listener in list(self.listeners):
            listener()

    def after(self, version: int) -> list[Changed]:
        """The changes since; versions count from 2 without gaps, so that the history need not be searched."""
        return self.history[max(version - 1, 0) :]

    def _admit(self, resource: Resource, body: Body) -> None:
        if resource.plural == "deployments":
            body["spec"].setdefault("replicas", 1)
            _check_deployment(body)
        schema = self.schemas.get(resource.plural)
        if schema is None:
            return
        _default(schema, body)
        error = jsonschema.Draft7Validator(schema).iter_errors(body)
        if found := next(error, None):
            where = ".".join(map(str, found.absolute_path))
            raise Refused(422, "Invalid", f"{resource.kind} is invalid: {where}: {found.message}")


def check_owners(body: Body) -> None:
    owners = body["metadata"].get("ownerReferences") or []
    if sum(bool(owner.get("controller")) for owner in owners) > 1:
        raise Refused(422, "Invalid", "metadata.ownerReferences: Only one reference can have Controller set to true")


def _check_immutable(before: Body, new: Body) -> None:
    if before["spec"]["selector"] != new["spec"]["selector"]:
        raise Refused(422, "Invalid", "spec.selector: Invalid value: field is immutable")


def _check_deployment(body: Body) -> None:
    names = [variable["name"] for variable in body["spec"]["template"]["spec"]["containers"][0].get("env", [])]
    if len(set(names)) != len(names):
        raise Refused(422, "Invalid", "duplicate entries for key [name]")
    selector = body["spec"]["selector"]["matchLabels"]
    if not selector.items() <= body["spec"]["template"]["metadata"].get("labels", {}).items():
        raise Refused(422, "Invalid", "selector does not match template labels")


def _confined(resource: Resource, before: Body | None, new: Body, subresource: str) -> Body:
    """What the endpoint lets a client write: the status by its subresource alone, all else by the object's."""
    new = copy.deepcopy(new)
    if subresource == "status":
        base: Body = (
            copy.deepcopy(before) if before else {k: new[k] for k in ("apiVersion", "kind", "metadata") if k in new}
        )
        if "managedFields" not in new.get("metadata", {}) and before:
            new["metadata"]["managedFields"] = copy.deepcopy(before["metadata"].get("managedFields", []))
        return {**base, "status": new.get("status", {})}
    if resource.status:
        new.pop("status", None)
        if before and "status" in before:
            new["status"] = copy.deepcopy(before["status"])
    if before:
        kept = {name: before["metadata"][name] for name in ("uid", "creationTimestamp") if name in before["metadata"]}
        new["metadata"] = {**new["metadata"], **kept}
        new["metadata"].setdefault("managedFields", copy.deepcopy(before["metadata"].get("managedFields", [])))
        new["metadata"]["namespace"] = before["metadata"]["namespace"]
    return new


def _own_changes(before: Body | None, new: Body, manager: str, subresource: str) -> None:
    old, now = leaves(_content(before)) if before else {}, leaves(_content(new))
    changed = {path for path in now if path not in old or old[path] != now[path]} - _IDENTITY
    gone = set(old) - set(now)
    for entry in _entries(new):
        entry["fieldsV1"] = to_fields(from_fields(entry["fieldsV1"]) - changed - gone)
    if changed:
        found: Body | None = _entry(new, manager, "Update", subresource)
        if found is None:
            found = {"manager": manager, "operation": "Update", "apiVersion": new["apiVersion"], "fieldsV1": {}}
            found |= {"subresource": subresource} if subresource else {}
            new["metadata"].setdefault("managedFields", []).append(found)
        found["fieldsV1"] = to_fields(from_fields(found["fieldsV1"]) | changed)


def _content(body: Body) -> Body:
    meta = {name: value for name, value in body["metadata"].items() if name not in _SERVER_META}
    return {**body, "metadata": meta}


def _spec(body: Body) -> Body:
    return {name: value for name, value in body.items() if name not in ("metadata", "status")}


def _entries(body: Body) -> list[Body]:
    entries: list[Body] = body.get("metadata", {}).get("managedFields", [])
    return entries


def _entry(body: Body, manager: str, operation: str, subresource: str) -> Body | None:
    for entry in _entries(body):
        if (entry["manager"], entry["operation"], entry.get("subresource", "")) == (manager, operation, subresource):
            return entry
    return None


def _default(schema: Body, value: Any) -> None:
    if not isinstance(value, dict):
        return
    for name, below in schema.get("properties", {}).items():
        if name not in value and "default" in below:
            value[name] = below["default"]
        if name in value:
            _default(below, value[name])


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def json_patch(body: Body, operations: list[Body]) -> Body:
    """``replace``, ``add`` and ``remove`` of RFC 6902, for paths of keys."""
    new = copy.deepcopy(body)
    for operation in operations:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        node: Any = new
        for name in parents:
            node = node[int(name)] if isinstance(node, list) else node[name]
        if operation["op"] == "remove":
            del node[last]
        else:
            node[last] = operation["value"]
    return new


def merge_patch(body: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    new = dict(body) if isinstance(body, dict) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = merge_patch(new.get(name), value)
    return json.loads(json.dumps(new))

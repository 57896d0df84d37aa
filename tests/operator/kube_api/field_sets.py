"""Field sets as server-side apply keeps them: which paths an object sets, and ``fieldsV1`` back and forth.

A path is a tuple of ``f:name`` (a key) and ``k:{...}`` (an item of a list that is a map). Lists that are maps are the
few that the operator's objects hold; all other lists are atomic. Sets (``v:``) are not known here.
"""

import json
from typing import Any

Path = tuple[str, ...]

_LIST_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "ports": ("containerPort", "protocol"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "imagePullSecrets": ("name",),
}


def item_key(list_name: str, item: Any) -> str | None:
    """How the item of the list is named, or ``None`` if the list is atomic."""
    keys = _LIST_KEYS.get(list_name)
    if keys is None or not isinstance(item, dict) or keys[0] not in item:
        return None
    defaults = {"protocol": "TCP"}
    return "k:" + json.dumps({key: item.get(key, defaults.get(key)) for key in keys}, separators=(",", ":"))


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Every path the value sets, with what it sets there; a list item also sets itself."""
    if isinstance(value, dict) and (value or not path):
        found: dict[Path, Any] = {}
        for name, below in value.items():
            found |= leaves(below, (*path, f"f:{name}"))
        return found
    if isinstance(value, list) and value and item_key(path[-1][2:], value[0]):
        found = {}
        for item in value:
            key = item_key(path[-1][2:], item)
            assert key is not None
            found[(*path, key)] = None
            found |= leaves(item, (*path, key))
        return found
    return {path: value}


def to_fields(paths: set[Path]) -> dict[str, Any]:
    """``fieldsV1`` of the paths."""
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for element in path:
            node = node.setdefault(element, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return root


def from_fields(fields: dict[str, Any], path: Path = ()) -> set[Path]:
    """The paths of a ``fieldsV1``."""
    found: set[Path] = set()
    for element, below in fields.items():
        if element == ".":
            found.add(path)
        elif below:
            found |= from_fields(below, (*path, element))
        else:
            found.add((*path, element))
    return found


def merge(live: Any, applied: Any, name: str = "") -> Any:
    """The live value with the applied one laid over it."""
    if isinstance(live, dict) and isinstance(applied, dict):
        both = dict(live)
        for key, value in applied.items():
            both[key] = merge(live[key], value, key) if key in live else value
        return both
    if isinstance(live, list) and isinstance(applied, list) and applied and item_key(name, applied[0]):
        by_key = {item_key(name, item): item for item in live}
        for item in applied:
            key = item_key(name, item)
            by_key[key] = merge(by_key[key], item) if key in by_key else item
        return list(by_key.values())
    return applied


def remove(value: Any, path: Path, name: str = "") -> None:
    """Take the path out of the value, and what it leaves empty."""
    element, rest = path[0], path[1:]
    if element.startswith("k:"):
        for index, item in enumerate(value):
            if item_key(name, item) == element:
                if rest:
                    remove(item, rest)
                else:
                    del value[index]
                return
        return
    key = element[2:]
    if not isinstance(value, dict) or key not in value:
        return
    if rest:
        remove(value[key], rest, key)
        if value[key] in ({}, []):
            del value[key]
    else:
        del value[key]

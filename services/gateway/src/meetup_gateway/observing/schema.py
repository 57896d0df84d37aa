"""What the API says of its own types, and how that differs from the last look. Pure.

GraphQL's introspection (specification of October 2021, section 4) names the fields of a type, their types and whether
they are deprecated: a field that is to be removed is known before the first query without it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_MOST_FIELDS: Final = 1_000
"""Of one type; the largest of today's has below a hundred."""
_is_name: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,99}").fullmatch
"""A name as GraphQL has them, and no longer than any sane one: what is kept of a stranger's answer is bounded."""
_WRAPPERS: Final = {"NON_NULL": "{}!", "LIST": "[{}]"}

Fields = Mapping[str, tuple[str, bool]]
"""Of one type: each field's type as the schema writes it, and whether it is deprecated."""


class Change(StrEnum):
    """How a field differs."""

    ADDED = "added"
    REMOVED = "removed"
    DEPRECATED = "deprecated"
    OTHER_TYPE = "other_type"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field, named ``Type.field``."""

    change: Change
    field: str

    def __str__(self) -> str:
        return f"{self.field} {self.change.replace('_', ' ')}"


def read_fields(answer: Any) -> Fields | None:
    """The fields of ``__type``'s answer; none where the type is gone, ``None`` where it cannot be read."""
    if answer is None:
        return {}
    found = answer.get("fields") if isinstance(answer, dict) else None
    if not isinstance(found, list) or not 0 < len(found) <= _MOST_FIELDS:
        return None
    named = [each for each in found if isinstance(each, dict) and _name(each)]
    return {_name(each): (_written(each.get("type")), each.get("isDeprecated") is True) for each in named}


def differences(kind: str, before: Fields | None, now: Fields, asked: frozenset[str]) -> Iterator[Difference]:
    """Of one type. At the first look there is nothing to compare with but ``asked``, the fields that are asked for."""
    known = before if before is not None else dict.fromkeys(asked, ("", False))
    for name in sorted(known.keys() | now.keys()):
        field = f"{kind}.{name}"
        if name not in now:
            yield Difference(Change.REMOVED, field)
        elif name not in known:
            if before is not None:
                yield Difference(Change.ADDED, field)
        elif now[name][1] and not known[name][1]:
            yield Difference(Change.DEPRECATED, field)
        elif before is not None and now[name][0] != known[name][0]:
            yield Difference(Change.OTHER_TYPE, field)


def _name(field: Mapping[str, Any]) -> str:
    name = field.get("name")
    return name if isinstance(name, str) and _is_name(name) else ""


def _written(kind: Any) -> str:
    """As the schema writes it, ``[Event!]!``; empty where it is not understood."""
    text = "{}"
    while isinstance(kind, dict) and kind.get("kind") in _WRAPPERS:
        text = text.format(_WRAPPERS[kind["kind"]])
        kind = kind.get("ofType")
    name = _name(kind) if isinstance(kind, dict) else ""
    return text.format(name) if name else ""

"""One row for each field of an old record: where it is in today's API, and how it is converted. Pure.

A path starts with what the translation is given (``rsvp``, ``event``, ``group``, ``venue``, ``photo``, ``member``).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from meetup_gateway.translating.values import Untranslatable, text

Given = Mapping[str, Any]
"""What a translation starts from, by name."""
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Row:
    """``old`` is the dotted place in the old record. ``sources`` are asked in order, the first that has it counts.

    Where none has it, ``default`` is written, or nothing. A ``required`` row that has nothing makes no record.
    """

    old: str
    sources: tuple[str, ...]
    convert: Callable[[Any], Any] = text
    required: bool = False
    default: Any = _MISSING


@dataclass(frozen=True, slots=True)
class Lost:
    """A value that could not be translated; the record goes without it, unless the row is required."""

    old: str
    why: str


@dataclass(frozen=True, slots=True)
class Translation:
    """The old record, and what it goes without."""

    value: dict[str, Any]
    lost: tuple[Lost, ...]


def row(old: str, *sources: str, convert: Callable[[Any], Any] = text, **rest: Any) -> Row:
    """A row of a table."""
    return Row(old, sources, convert, **rest)


def translate(table: Iterable[Row], given: Given) -> Translation:
    """The old record of these rows; raises ``Untranslatable`` if a required field has nothing."""
    value: dict[str, Any] = {}
    lost: list[Lost] = []
    for each in table:
        found = _converted(each, given, lost)
        if found is not _MISSING:
            _put(value, each.old.split("."), found)
        elif each.required:
            raise Untranslatable(f"nothing for {each.old}")
    return Translation(value, tuple(lost))


def at(given: Any, path: str) -> Any:
    """The value at a dotted path; ``None`` where the way there ends."""
    for key in path.split("."):
        if not isinstance(given, Mapping):
            return None
        given = given.get(key)
    return given


def _converted(each: Row, given: Given, lost: list[Lost]) -> Any:
    for source in each.sources:
        raw = at(given, source)
        if raw is None:
            continue
        try:
            return each.convert(raw)
        except Untranslatable as error:
            if raw not in ("", []):  # an empty text was simply absent in the old records
                lost.append(Lost(each.old, str(error)))
    return each.default


def _put(value: dict[str, Any], path: list[str], found: Any) -> None:
    for key in path[:-1]:
        value = value.setdefault(key, {})
    value[path[-1]] = found

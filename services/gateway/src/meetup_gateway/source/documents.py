"""The queries: read from ``queries/``, multiplied into batches by aliases, and cut back where the API lost a field.

Pure text work on documents of our own, which keep to one form: one root field, and a field on each line of a fragment.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

_QUERY: Final = re.compile(r"query (?P<name>\w+)(?:\((?P<variables>.*?)\))? \{\n(?P<root>.*)\n\}\s*\Z", re.DOTALL)
_FRAGMENT: Final = re.compile(
    r"^fragment (?P<name>\w+) on (?P<type>\w+) \{\n(?P<body>.*?)\n\}$", re.DOTALL | re.MULTILINE
)
_SPREAD: Final = re.compile(r"\.\.\.(\w+)")
_VARIABLE: Final = re.compile(r"\$(\w+)")
_FIELD: Final = re.compile(r"^\s*(\w+)")


@dataclass(frozen=True, slots=True)
class Fragment:
    """The fields of one type."""

    name: str
    type: str
    lines: tuple[str, ...]

    def without(self, removed: frozenset[str]) -> "Fragment":
        """Less the fields that are named ``Type.field``; never empty."""
        kept = [line for line in self.lines if f"{self.type}.{_name_of(line)}" not in removed]
        return Fragment(self.name, self.type, tuple(kept) or ("  __typename",))

    @property
    def text(self) -> str:
        """As GraphQL reads it."""
        return "\n".join((f"fragment {self.name} on {self.type} {{", *self.lines, "}"))


@dataclass(frozen=True, slots=True)
class Document:
    """One query: its root field, and the variables that each alias gets for itself."""

    name: str
    variables: Mapping[str, str]
    root: str

    @property
    def field(self) -> str:
        """The root field's name."""
        found = _FIELD.match(self.root)
        return found[1] if found else ""


def alias_of(index: int) -> str:
    """What the root field of this number is called in a batch."""
    return f"g{index}"


def batch(
    shape: str, asked: Sequence[Mapping[str, Any]], removed: frozenset[str] = frozenset()
) -> tuple[str, dict[str, Any]]:
    """The text of one request that asks the shape for each set of variables, and all their values."""
    document = documents()[shape]
    declared = [f"${name}_{index}: {kind}" for index in range(len(asked)) for name, kind in document.variables.items()]
    roots = [_root(document, index) for index in range(len(asked))]
    head = f"query {document.name}({', '.join(declared)}) {{" if declared else f"query {document.name} {{"
    text = "\n".join((head, *roots, "}"))
    values = {
        f"{name}_{index}": each[name]
        for index, each in enumerate(asked)
        for name in document.variables
        if each.get(name) is not None  # a variable that is left out is an argument that is left out
    }
    return "\n\n".join((text, *(fragment.text for fragment in _reachable(text, removed)))), values


@cache
def documents() -> dict[str, Document]:
    """Every query, by the name of its file."""
    return {
        file.name.removesuffix(".graphql"): _read(file.read_text())
        for file in _folder().iterdir()
        if file.name.endswith(".graphql") and file.name != "fragments.graphql"
    }


@cache
def fragments() -> dict[str, Fragment]:
    """Every fragment, by name."""
    text = _folder().joinpath("fragments.graphql").read_text()
    found = (
        Fragment(match["name"], match["type"], tuple(match["body"].split("\n"))) for match in _FRAGMENT.finditer(text)
    )
    return {fragment.name: fragment for fragment in found}


def fields_asked_for() -> set[str]:
    """``Type.field`` of every field that a fragment names."""
    return {f"{each.type}.{name}" for each in fragments().values() for line in each.lines if (name := _name_of(line))}


def _folder() -> Any:
    return files("meetup_gateway.source").joinpath("queries")


def _read(text: str) -> Document:
    match = _QUERY.search(text)
    if match is None:
        raise ValueError("a query document of another form")
    variables = dict(part.strip().lstrip("$").split(": ") for part in (match["variables"] or "").split(",") if part)
    return Document(match["name"], variables, match["root"])


def _root(document: Document, index: int) -> str:
    named = f"{alias_of(index)}: {document.root.lstrip()}"
    return "  " + _VARIABLE.sub(rf"$\1_{index}", named)


def _reachable(text: str, removed: frozenset[str]) -> list[Fragment]:
    found: dict[str, Fragment] = {}
    waiting = _SPREAD.findall(text)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = fragments()[name].without(removed)
            waiting += _SPREAD.findall(found[name].text)
    return [found[name] for name in sorted(found)]


def _name_of(line: str) -> str:
    match = _FIELD.match(line)
    return match[1] if match else ""

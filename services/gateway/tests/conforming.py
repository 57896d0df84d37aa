"""An API that answers any query as the pinned schema allows, and no more sensibly than that.

Whatever may be null is null now and then, enums have members that nobody knows yet, texts and numbers are as odd as
their scalars allow, fields that fail leave nulls and errors beside the data.
"""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeMetaFieldDef,
    build_schema,
    parse,
)
from meetup_simulator.graphql_api.execution import schema_text
from meetupkit.http.client import Answer, NoAnswer
from requests.structures import CaseInsensitiveDict

Path = tuple[str | int, ...]
SCHEMA: Final = build_schema(schema_text())
TEXTS: Final = (
    "",
    " ",
    "Walnut Garden",
    "<p>HTML &amp; <b>more</b></p>",
    "**Markdown** \\- [a](https://b/c)\n\n* x",
    "\u2028 \u0000 \u001b[31m \ufeff",
    "half \ud83d of a pair",
    "\U0001f600" * 3,
    "null",
    "x" * 5000,
)
IDS: Final = (
    "0",
    "-5",
    "",
    "12251810",
    "pwdqjtygcnbfb",
    "pwdqjtygcnbfb!chp",
    "8b7f2c1e-5a0f-4d4e",
    "9" * 25,
    "a/b",
    "ä",
)
TIMES: Final = (
    "2026-11-28T18:00-05:00",
    "2026-11-28T18:00:00.123456789+05:45",
    "2026-11-28T23:00:00Z[UTC]",
    "2013-02-18T18:30:00-05:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999-18:00",
    "2026-11-28",
    "2026-02-30T10:00Z",
    "",
)
DURATIONS: Final = ("PT2H30M", "PT30H", "P1D", "PT0S", "-PT1H", "P400Y", "P", "")
INTEGERS: Final = (0, 1, 58, -1, 2**31 - 1, -(2**31))
FLOATS: Final = (0, 39, -8.521147, 179.1962, 1e308, -1e308, 5e-324, 12.5)
CODES: Final = ("INTERNAL_ERROR", "NOT_FOUND", "FORBIDDEN", "DOWNSTREAM", 5, None)


class Conforming:
    """Called like ``HttpClient.send``; ``sent`` are the answers, whole."""

    def __init__(self, seed: int, *, nulls: float = 0.15, failures: float = 0.02) -> None:
        self._dice = random.Random(seed)
        self._nulls = nulls
        self._failures = failures
        self.seconds = 0.0
        self.sent: list[dict[str, Any]] = []

    def now(self) -> float:
        return 1_795_000_000.0 + self.seconds

    def __call__(self, method: str, url: str, *, data: bytes | Mapping[str, str] | None = None, **_: Any) -> Answer:
        self.seconds += 0.2
        if not isinstance(data, bytes):
            return _answer(200, {"access_token": "t", "expires_in": 3600})
        kind = self._dice.random()
        if kind < 0.02:
            raise NoAnswer("no answer (ConnectionResetError)")
        if kind < 0.05:
            return _answer(
                self._dice.choice((400, 429, 500, 503, 504)), self._dice.choice(("<html>", {"message": "x"}))
            )
        asked = json.loads(data)
        answer = _Answering(self._dice, asked["query"], self._nulls, self._failures).answer()
        if self._dice.random() < 0.03:
            answer.setdefault("errors", []).append(_limited(self._dice, answer["data"]))
        self.sent.append(answer)
        return _answer(200, answer)


def _answer(status: int, value: object) -> Answer:
    body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    return Answer(status, "", CaseInsensitiveDict({"Content-Type": "application/json;charset=utf-8"}), body)


def _limited(dice: random.Random, data: Any) -> dict[str, Any]:
    told = {
        "consumedPoints": dice.choice((512, 0, -3, "many", None, 10**400)),
        "resetAt": dice.choice((*TIMES, None, 7)),
    }
    return {
        "message": "Too many requests",
        "path": list(data or ())[:1],
        "extensions": {"code": "RATE_LIMITED", **told},
    }


class _Answering:
    """One query being answered."""

    def __init__(self, dice: random.Random, query: str, nulls: float, failures: float) -> None:
        definitions = parse(query).definitions
        self._dice = dice
        self._nulls = nulls
        self._failures = failures
        self._operation = next(each for each in definitions if isinstance(each, OperationDefinitionNode))
        self._fragments = {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}
        self._errors: list[dict[str, Any]] = []

    def answer(self) -> dict[str, Any]:
        query = SCHEMA.query_type
        assert query is not None
        data = self._object(query, [self._operation.selection_set], ())
        answer: dict[str, Any] = {"data": data}
        return {"errors": self._errors, **answer} if self._errors else answer

    def _object(self, kind: GraphQLObjectType, selections: list[SelectionSetNode], path: Path) -> dict[str, Any] | None:
        """``None`` if a field that must not be null failed: then what holds it is null, as the specification says."""
        value: dict[str, Any] = {}
        for name, fields in self._fields(kind, selections).items():
            field = fields[0].name.value
            if field == "__typename":
                value[name] = kind.name
                continue
            inner = [each.selection_set for each in fields if each.selection_set]
            wanted = (TypeMetaFieldDef if field == "__type" else kind.fields[field]).type
            found = self._value(wanted, field, inner, (*path, name))
            if found is None and isinstance(wanted, GraphQLNonNull):
                return None
            value[name] = found
        return value

    def _fields(self, kind: GraphQLObjectType, selections: list[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        found: dict[str, list[FieldNode]] = {}
        for field in (each for selection in selections for each in self._flat(kind, selection)):
            found.setdefault(field.alias.value if field.alias else field.name.value, []).append(field)
        return found

    def _flat(self, kind: GraphQLObjectType, selection: SelectionSetNode) -> Iterator[FieldNode]:
        for each in selection.selections:
            if isinstance(each, FieldNode):
                yield each
            elif isinstance(each, FragmentSpreadNode):
                yield from self._flat(kind, self._fragments[each.name.value].selection_set)
            elif isinstance(each, InlineFragmentNode):
                yield from self._flat(kind, each.selection_set)

    def _value(self, kind: GraphQLOutputType, field: str, inner: list[SelectionSetNode], path: Path) -> Any:
        if self._dice.random() < self._failures:
            code = self._dice.choice(CODES)
            self._errors.append({"message": "failed", "path": list(path), "extensions": {"code": code}})
            return None
        if isinstance(kind, GraphQLNonNull):
            return self._filled(kind.of_type, field, inner, path)
        return None if self._dice.random() < self._nulls else self._filled(kind, field, inner, path)

    def _filled(self, kind: Any, field: str, inner: list[SelectionSetNode], path: Path) -> Any:
        if isinstance(kind, GraphQLList):
            count = self._dice.choice((0, 1, 1, 2, 3))
            found = [self._value(kind.of_type, field, inner, (*path, index)) for index in range(count)]
            return None if isinstance(kind.of_type, GraphQLNonNull) and None in found else found
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            kind = self._dice.choice(SCHEMA.get_possible_types(kind))
        if isinstance(kind, GraphQLObjectType):
            return self._object(kind, inner, path)
        if isinstance(kind, GraphQLEnumType):
            return self._dice.choice((*kind.values, "SOMETHING_NEW"))
        return self._scalar(kind.name)

    def _scalar(self, name: str) -> Any:
        dice = self._dice
        match name:
            case "ID":
                return str(dice.randrange(1, 1 << 40)) if dice.random() < 0.7 else dice.choice(IDS)
            case "Int":
                return dice.choice(INTEGERS)
            case "Float":
                return dice.choice(FLOATS)
            case "Boolean":
                return dice.random() < 0.5
            case "Duration":
                return dice.choice(DURATIONS)
            case "Date" | "DateTime" | "LocalDateTime":
                return dice.choice(TIMES)
            case _:
                return dice.choice(TEXTS)

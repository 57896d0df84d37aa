"""Evaluates the part of Cloud Logging's query language that sink filters here are written in.

Comparisons ``field="text"``, ``field!="text"``, ``field:"part"`` and ``severity>=LEVEL``; ``AND``, ``OR``, ``NOT``,
``-`` and parentheses; two terms without a word between them are joined by AND. Text is compared without regard to case,
and a field that is not there satisfies no comparison: https://cloud.google.com/logging/docs/view/logging-query-language.
``ValueError`` for anything else.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

LEVELS: Final = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
_TOKEN: Final = re.compile(r'\s*(?:(AND|OR|NOT)\b|([()])|(-)|([\w./]+)\s*(>=|<=|!=|=|:|>|<)\s*("(?:[^"\\]|\\.)*"|\w+))')

Entry = Mapping[str, Any]
Matches = Callable[[Entry], bool]


def compiled(text: str) -> Matches:
    """The filter as a function of a log entry."""
    tokens: list[tuple[str, ...]] = []
    at = 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"not known here: {text[at:]!r}")
        tokens.append(token.groups(default=""))
        at = token.end()
    matches = _either(tokens)
    if tokens:
        raise ValueError(f"left over: {tokens}")
    return matches


def _either(tokens: list[tuple[str, ...]]) -> Matches:
    """OR binds tighter than AND in this language, but is not mixed with it here without parentheses."""
    terms, words = [_term(tokens)], set()
    while tokens and tokens[0][1] != ")":
        words.add(tokens.pop(0)[0] if tokens[0][0] in ("AND", "OR") else "AND")
        terms.append(_term(tokens))
    if len(words) > 1:
        raise ValueError("AND and OR need parentheses")
    join = any if words == {"OR"} else all
    return lambda entry: join(term(entry) for term in terms)


def _term(tokens: list[tuple[str, ...]]) -> Matches:
    if not tokens:
        raise ValueError("the filter ends too early")
    word, bracket, minus, field, operator, value = tokens.pop(0)
    if word == "NOT" or minus:
        inner = _term(tokens)
        return lambda entry: not inner(entry)
    if bracket == "(":
        inner = _either(tokens)
        if not tokens or tokens.pop(0)[1] != ")":
            raise ValueError("a parenthesis is not closed")
        return inner
    if not field:
        raise ValueError(f"a comparison was expected, not {word or bracket}")
    return lambda entry: _compare(_at(entry, field), operator, value.strip('"').replace('\\"', '"'), field)


def _compare(found: Any, operator: str, wanted: str, field: str) -> bool:
    if found is None:
        return False
    if field == "severity":
        return _ordered(LEVELS.index(found), operator, LEVELS.index(wanted))
    has, want = str(found).lower(), wanted.lower()
    match operator:
        case "=":
            return has == want
        case "!=":
            return has != want
        case ":":
            return want in has
    raise ValueError(f"{operator} is known here for severity alone")


def _ordered(has: int, operator: str, want: int) -> bool:
    return {
        "=": has == want,
        "!=": has != want,
        ">=": has >= want,
        "<=": has <= want,
        ">": has > want,
        "<": has < want,
    }[operator]


def _at(entry: Entry, field: str) -> Any:
    found: Any = entry
    for key in field.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found

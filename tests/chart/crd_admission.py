"""What an API server says to a MeetupFeed: its schema, and the rules of every level in Google's own CEL evaluator.

As the API server does: a value that is missing, too long or of a wrong type is refused for that alone, and everything
else by its pattern and by the sentences of its rules.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import jsonschema
import yaml
from cel_expr_python import cel

from .helm import CHART

_CRD: Final[dict[str, Any]] = yaml.load((CHART / "crds" / "meetupfeeds.yaml").read_text(), yaml.CSafeLoader)
SPEC: Final[dict[str, Any]] = _CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
_BLOCKING: Final = {"required", "type", "maxLength", "maxItems", "anyOf"}
"""Failures after which an API server evaluates no rule."""


def refusals(spec: dict[str, Any]) -> list[str]:
    """Why the spec of a new MeetupFeed is refused: sentences of rules, and the validators' own words."""
    errors = list(jsonschema.Draft7Validator(SPEC).iter_errors(spec))
    said = [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]
    if any(error.validator in _BLOCKING for error in errors):
        return said
    return [*said, *sentences(spec)]


def sentences(spec: dict[str, Any]) -> list[str]:
    """The messages of the rules that do not hold."""
    return [
        message
        for value, rule, message in _asked(spec, SPEC)
        if _compiled(rule).eval(data={"self": value}).value() is not True
    ]


def rules() -> Iterator[tuple[str, str]]:
    """Every rule that looks at one object, and its message."""
    return ((rule["rule"], rule["message"]) for schema in _schemas(SPEC) for rule in _static(schema))


@cache
def _compiled(rule: str) -> Any:
    return cel.NewEnv(variables={"self": cel.Type.DYN}).compile(rule)


def _asked(value: Any, schema: dict[str, Any]) -> Iterator[tuple[Any, str, str]]:
    for rule in _static(schema):
        yield value, rule["rule"], rule["message"]
    if isinstance(value, dict):
        for name, below in schema.get("properties", {}).items():
            if name in value:
                yield from _asked(value[name], below)


def _static(schema: dict[str, Any]) -> list[dict[str, str]]:
    return [rule for rule in schema.get("x-kubernetes-validations", []) if not re.search(r"\boldSelf\b", rule["rule"])]


def _schemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for below in schema.get("properties", {}).values():
        yield from _schemas(below)

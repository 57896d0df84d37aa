"""Queries against the pinned schema: read, checked and answered, with errors in the words of the real server."""

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    parse,
    validate,
)

_FIELD: Final = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'")
_SCHEMAS: Final = 32
_DOCUMENTS: Final = 512


class Refused(Exception):
    """The query is not valid; ``errors`` is what the answer says."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("the query is not valid")
        self.errors = errors


def schema_text() -> str:
    """The pinned schema."""
    return files("meetup_simulator.graphql_api").joinpath("schema.graphql").read_text()


@lru_cache(_SCHEMAS)
def schema_without(removed: tuple[str, ...] = ()) -> GraphQLSchema:
    """The schema less the fields named ``Type.field``."""
    schema = build_schema(schema_text())
    for name in removed:
        kind, _, field = name.partition(".")
        of = schema.type_map.get(kind)
        if isinstance(of, GraphQLObjectType):
            of.fields.pop(field, None)
    return schema


@lru_cache(_DOCUMENTS)
def read(query: str, removed: tuple[str, ...]) -> DocumentNode:
    """The query, if the schema allows it; raises ``Refused``."""
    try:
        document = parse(query)
    except GraphQLError as error:
        raise Refused([_error(error.message, "InvalidSyntax", error)]) from None
    if errors := validate(schema_without(removed), document):
        raise Refused([_error(_in_its_words(error.message), "ValidationError", error) for error in errors])
    return document


def roots_of(document: DocumentNode) -> Sequence[FieldNode]:
    """The root fields of its one operation."""
    operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]


def name_of(root: FieldNode) -> str:
    """What the root field is called in the answer."""
    return root.alias.value if root.alias else root.name.value


def run(
    document: DocumentNode, removed: tuple[str, ...], root: dict[str, Any], variables: dict[str, Any]
) -> ExecutionResult:
    """The answer."""
    return execute_sync(schema_without(removed), document, root, variable_values=variables)


def _in_its_words(message: str) -> str:
    if found := _FIELD.search(message):
        field, kind = found.groups()
        return f"Validation error (FieldUndefined@[{field}]) : Field '{field}' in type '{kind}' is undefined"
    return message


def _error(message: str, classification: str, error: GraphQLError) -> dict[str, Any]:
    locations = [{"line": each.line, "column": each.column} for each in error.locations or ()]
    return {"message": message, "locations": locations, "extensions": {"classification": classification}}

"""Documents as Firestore's messages and back: text, whole numbers, floats, booleans, null, lists and objects.

The plain protobuf messages are used (``Any`` to the type checker); the client's wrappers around them cost several
times as much for each field.
"""

from collections.abc import Mapping
from typing import Any

from meetupkit.errors import StoreRefused
from meetupkit.stores.documents import Document, Fields


def set_fields(message: Any, fields: Fields) -> None:
    """Write the fields into the ``fields`` of a Document or MapValue message."""
    for field, value in fields.items():
        _set_value(message.fields[field], value)


def to_document(message: Any) -> Document:
    """What a Document message holds; its name is the last part of its path."""
    version = f"{message.update_time.seconds}.{message.update_time.nanos:09d}"
    return Document(message.name.rpartition("/")[2], _from_fields(message.fields), version)


def set_version(timestamp: Any, version: str) -> None:
    """Write a document's version, its update time to the nanosecond, into a Timestamp message."""
    seconds, _, nanos = version.partition(".")
    timestamp.seconds = int(seconds)
    timestamp.nanos = int(nanos)


def _set_value(message: Any, value: Any) -> None:
    if value is None:
        message.null_value = 0
    elif isinstance(value, bool):  # before int, which it is too
        message.boolean_value = value
    elif isinstance(value, int):
        message.integer_value = value
    elif isinstance(value, float):
        message.double_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, Mapping):
        message.map_value.SetInParent()  # an empty object is not the same as no value
        set_fields(message.map_value, value)
    else:
        message.array_value.SetInParent()
        for item in value:
            _set_value(message.array_value.values.add(), item)


def _from_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {field: _from_value(value) for field, value in fields.items()}


def _from_value(message: Any) -> Any:
    match message.WhichOneof("value_type"):
        case "map_value":
            return _from_fields(message.map_value.fields)
        case "array_value":
            return [_from_value(value) for value in message.array_value.values]
        case "null_value":
            return None
        case "string_value" | "integer_value" | "double_value" | "boolean_value" as kind:
            return getattr(message, kind)
        case kind:
            raise StoreRefused(f"a document holds a {kind}, which no service writes: someone else uses this collection")

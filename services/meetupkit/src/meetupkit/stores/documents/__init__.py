"""Documents: JSON objects under a collection and a name, written in atomic commits."""

from meetupkit.stores.documents.protocol import (
    MAX_WRITES,
    AtMost,
    Create,
    Delete,
    Document,
    DocumentStore,
    Fields,
    Put,
    Write,
)

__all__ = [
    "MAX_WRITES",
    "AtMost",
    "Create",
    "Delete",
    "Document",
    "DocumentStore",
    "Fields",
    "Put",
    "Write",
]

"""Document stores for tests that say nothing about time: a store, or who writes beside it, may stand still for long."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from meetupkit.stores import open_documents
from meetupkit.stores.documents import DocumentStore
from meetupkit.stores.documents.firestore.documents import FirestoreDocuments
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

PATIENT_SECONDS: Final = 60.0
"""An emulator on a machine that others use too did not answer in the 10 s of a service."""


def open_patiently(url: str) -> DocumentStore:
    """As ``open_documents``, for a file's absolute path or a project's default database."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and not parts.netloc:
        return SqliteDocuments(Path(parts.path), busy_seconds=PATIENT_SECONDS)
    if parts.scheme == "firestore" and not parts.path:
        return FirestoreDocuments(parts.netloc, timeout_seconds=PATIENT_SECONDS)
    return open_documents(url)

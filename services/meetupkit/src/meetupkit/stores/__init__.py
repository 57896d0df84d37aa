"""Where records (objects) and profiles (documents) are kept: one protocol each, opened by URL.

Only this module knows the back ends; each is imported when a URL asks for it.
"""

from urllib.parse import urlsplit

from meetupkit.errors import StoreRefused
from meetupkit.stores.documents.protocol import DocumentStore
from meetupkit.stores.objects.protocol import ObjectStore
from meetupkit.urls import shown


def open_objects(url: str) -> ObjectStore:
    """The object store at the URL; raises ``StoreRefused`` for an address no back end knows."""
    match _scheme(url):
        case "file":
            from meetupkit.stores.objects.directory import DirectoryObjects

            return DirectoryObjects.from_url(url)
        case "gs":
            from meetupkit.stores.objects.cloud_storage import GcsObjects

            return GcsObjects.from_url(url)
        case scheme:
            raise StoreRefused(
                f"{shown(url)}: objects are kept at file:///dir or gs://bucket, not at {scheme or 'that'}"
            )


def open_documents(url: str) -> DocumentStore:
    """The document store at the URL; raises ``StoreRefused`` for an address no back end knows."""
    match _scheme(url):
        case "sqlite":
            from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

            return SqliteDocuments.from_url(url)
        case "firestore":
            from meetupkit.stores.documents.firestore.documents import FirestoreDocuments

            return FirestoreDocuments.from_url(url)
        case scheme:
            raise StoreRefused(
                f"{shown(url)}: documents are kept at sqlite:///file or firestore://project, not at {scheme or 'that'}"
            )


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""

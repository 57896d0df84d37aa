"""Objects in a bucket of Cloud Storage.

Each method tries once: the client's own retries are off, because its caller retries by ``meetupkit.retry``. A create
whose answer was lost is repeated by the caller and then finds ``Exists`` with the body that it sent.
"""

import base64
import io
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Self
from urllib.parse import urlsplit

from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption
from urllib3.exceptions import HTTPError

from meetupkit.errors import Conflict, ObjectRefused, StoreRefused, StoreUnavailable, cause_of
from meetupkit.foreign_text import printable
from meetupkit.http.retry_after import retry_after_seconds
from meetupkit.stores.google_credentials import KEY_FILE, CredentialsFinder
from meetupkit.stores.objects import Created, Exists, NewObject, StoredObject, check_name, is_name
from meetupkit.stores.objects.google_transport import GoogleTransport
from meetupkit.stores.objects.known_by_listing import Listed, known_by_listing
from meetupkit.urls import shown

CONCURRENCY: Final = 32
"""With 30 ms an answer this many keep one core busy (750 objects/s; twice as many only cost more processor time), with
100 ms they reach 290/s; five feeds at once then stay near the 1,000 writes/s a bucket takes before it scales out."""
TIMEOUT: Final = (5.0, 10.0)
"""Seconds to connect, and between two reads of the answer: a store that is slower hangs. An answer takes some 30 ms,
and a create that is repeated is harmless, so patience gains nothing; but a connection whose peer vanished without a
word costs all of it after the peer is back."""
_NEVER: Final = 1
"""No object has this generation: they are microseconds since the epoch."""
_OVERLOADED_REASONS: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"})
"""A 403 that means 429: https://cloud.google.com/storage/docs/json_api/v1/status-codes"""
_TRANSIENT_STATUS: Final = frozenset({408, 409, 410, 429})
"""Besides 5xx. 409: two requests for one object at once. 410: an upload session that Cloud Storage has forgotten."""
_SHA256: Final = "sha256"
"""The metadata that tells two bodies of one length and one CRC32C apart, which anybody can make."""
_NO_LOOKUPS: Final = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"
"""Unset, the client (3.17) reads the bucket in the background, for traces that nobody records: one more permission to
grant, and retries of its own through every outage."""
_AFTER: Final = "!"
"""Behind a name it makes the first that is greater, of those that a stream makes: the end of a listing is excluded."""
_EMULATOR: Final = "STORAGE_EMULATOR_HOST"
_SCOPES: Final = ("https://www.googleapis.com/auth/devstorage.read_write",)
_is_bucket: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]").fullmatch


class GcsObjects:
    """The store at ``gs://bucket[/prefix]``, where the object of a name is ``prefix/name``.

    ``STORAGE_EMULATOR_HOST`` puts an emulator in Cloud Storage's place, and needs no credentials then.
    """

    def __init__(self, bucket: str, prefix: str = "", *, timeout: tuple[float, float] = TIMEOUT) -> None:
        self._timeout = timeout
        self._prefix = f"{prefix}/" if prefix else ""
        self._bucket_name = bucket
        os.environ.setdefault(_NO_LOOKUPS, "true")
        self._credentials = None if os.environ.get(_EMULATOR) else CredentialsFinder(_SCOPES)
        self._connecting = threading.Lock()
        self._client: Any = None
        self._bucket: Any = None
        with suppress(StoreUnavailable), _door(bucket):
            self._connected()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The store at ``gs://bucket[/prefix]``; looks for credentials, but sends nothing to Cloud Storage."""
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        well_formed = _is_bucket(parts.netloc) and is_name(prefix or "any") and not (parts.query or parts.fragment)
        if not well_formed:
            raise StoreRefused(f"{shown(url)}: a bucket is written gs://bucket or gs://bucket/prefix")
        return cls(parts.netloc, prefix)

    @property
    def concurrency(self) -> int:
        """As many as the pool has connections."""
        return CONCURRENCY

    def check(self) -> None:
        """Ask for each permission that the methods need, in ways that change nothing whatever the answer is.

        ``testIamPermissions`` would answer wrongly where a condition grants a prefix only. Reading the bucket itself
        would ask for ``storage.buckets.get``, which ``roles/storage.objectUser`` does not hold.
        """
        with _door(self._bucket_name):
            next(iter(self._list("", 1)), None)  # storage.objects.list; 404 only if there is no bucket
            blob = self._blob("_check")
            with suppress(PreconditionFailed):  # storage.objects.create: a write that cannot happen
                self._upload(blob, b"", "text/plain", _NEVER)
            for call in (blob.reload, blob.delete):  # storage.objects.get, and .delete, which replacing asks for
                with suppress(NotFound, PreconditionFailed):
                    call(if_generation_match=_NEVER, retry=None, timeout=self._timeout)

    def create(self, new: NewObject) -> Created | Exists:
        """One multipart request up to 8 MiB; Cloud Storage compares the body with the checksum before it stores it."""
        check_name(new.name)
        with _door(self._bucket_name):
            blob = self._blob(new.name)
            blob.crc32c = base64.b64encode(new.crc32c.to_bytes(4, "big")).decode()
            sha256 = new.digest()
            blob.metadata = {**new.metadata, _SHA256: sha256}
            try:
                self._upload(blob, new.body, new.content_type, 0)
            except PreconditionFailed:
                try:
                    return Exists(self._holds(new, sha256))
                except NotFound:
                    raise self._vanished(new.name) from None
        return Created()

    def compare(self, new: NewObject) -> Exists | None:
        """One request for the object's metadata."""
        check_name(new.name)
        with _door(self._bucket_name):
            try:
                return Exists(self._holds(new, new.digest()))
            except NotFound:
                return None

    def known(self, objects: Sequence[NewObject]) -> set[str]:
        """A request for each page of a listing, as long as it tells of enough of them."""
        with _door(self._bucket_name):
            return known_by_listing(objects, self._page)

    def read(self, name: str, *, most: int | None = None) -> StoredObject | None:
        """The body, verified by its checksum, and the generation it belongs to, of one request."""
        check_name(name)
        with _door(self._bucket_name):
            blob, body = self._blob(name), _Body(name, most)
            try:
                blob.download_to_file(body, retry=None, timeout=self._timeout, checksum="crc32c")
            except NotFound:
                next(iter(self._list("", 1)), None)  # tells a bucket that is gone from an object that never was
                return None
            return StoredObject(body.getvalue(), _whole(blob.generation))

    def replace(self, name: str, body: bytes, *, expected_version: int) -> int:
        """The version is the object's generation."""
        check_name(name)
        with _door(self._bucket_name):
            blob = self._blob(name)
            try:
                self._upload(blob, body, "application/json", expected_version, checksum="crc32c")
            except PreconditionFailed:
                raise Conflict(f"{name}: version {expected_version} was expected, another one is there") from None
            return _whole(blob.generation)

    def delete(self, name: str, *, expected_version: int) -> None:
        """The version is the object's generation."""
        check_name(name)
        with _door(self._bucket_name):
            try:
                self._blob(name).delete(if_generation_match=expected_version, retry=None, timeout=self._timeout)
            except NotFound:
                return
            except PreconditionFailed:
                raise Conflict(f"{name}: version {expected_version} was expected, another one is there") from None

    def names(self, prefix: str) -> Iterator[str]:
        """One request for each 1,000 names."""
        with _door(self._bucket_name):
            for found in self._list(prefix):
                if is_name(name := found.removeprefix(self._prefix)):  # consoles make objects like "rsvps/"
                    yield name

    def sync(self) -> None:
        """Nothing: Cloud Storage answers a write when it is durable."""

    def close(self) -> None:
        """Close the connections."""
        if self._client:
            self._client.close()

    def _connected(self) -> Any:
        """The client, made when there are credentials for it."""
        if self._client is None:
            with self._connecting:
                if self._client is None:
                    client = self._connect()
                    self._bucket, self._client = client.bucket(self._bucket_name), client
        return self._client

    def _connect(self) -> Any:
        credentials = self._credentials.find() if self._credentials else AnonymousCredentials()
        transport = GoogleTransport(credentials, connections=CONCURRENCY)
        client = Client(project=None, credentials=credentials, _http=transport)  # only new buckets belong to a project
        transport.open(client.api_endpoint)
        return client

    def _blob(self, name: str) -> Any:
        self._connected()
        return self._bucket.blob(self._prefix + name)

    def _upload(self, blob: Any, body: bytes, content_type: str, generation: int, checksum: str | None = None) -> None:
        blob.upload_from_string(
            body,
            content_type=content_type,
            if_generation_match=generation,
            retry=None,
            timeout=self._timeout,
            checksum=checksum,  # None: the blob carries the one its creator computed
        )

    def _list(self, prefix: str, most: int | None = None) -> Iterator[str]:
        for blob in self._connected().list_blobs(
            self._bucket_name,
            prefix=self._prefix + prefix,
            max_results=most,
            fields="items(name),nextPageToken",
            retry=None,
            timeout=self._timeout,
        ):
            yield blob.name

    def _page(self, first: str, last: str, most: int) -> list[Listed]:
        blobs = self._connected().list_blobs(
            self._bucket_name,
            start_offset=self._prefix + first,
            end_offset=self._prefix + last + _AFTER,
            max_results=most,
            fields="items(name,size,crc32c,metadata/sha256),nextPageToken",
            retry=None,
            timeout=self._timeout,
        )
        return [
            Listed(
                blob.name.removeprefix(self._prefix),
                blob.size or 0,
                int.from_bytes(base64.b64decode(blob.crc32c or ""), "big"),
                (blob.metadata or {}).get(_SHA256, ""),
            )
            for blob in blobs
        ]

    def _holds(self, new: NewObject, sha256: str) -> bool:
        """Whether the object there has this body: by its SHA-256, if it bears one; else the body itself is read."""
        blob = self._blob(new.name)
        blob.reload(retry=None, timeout=self._timeout)
        if blob.size != len(new.body) or blob.crc32c != base64.b64encode(new.crc32c.to_bytes(4, "big")).decode():
            return False
        if noted := (blob.metadata or {}).get(_SHA256):
            return bool(noted == sha256)
        stored = self.read(new.name, most=len(new.body))  # an earlier version made it, which noted no SHA-256
        if stored is None:
            raise self._vanished(new.name)
        return stored.body == new.body

    def _vanished(self, name: str) -> StoreUnavailable:
        return StoreUnavailable(f"gs://{self._bucket_name}: {name} was deleted while it was compared")


class _Body(io.BytesIO):
    """What a download is written to: up to a bound, so that no object fills the memory."""

    def __init__(self, name: str, most: int | None) -> None:
        super().__init__()
        self._name = name
        self._most = most

    def write(self, part: Any) -> int:
        if self._most is not None and self.tell() + len(part) > self._most:
            raise ObjectRefused(f"{self._name} has more than {self._most:,} bytes")
        return super().write(part)


def _whole(generation: int | None) -> int:
    if generation is None:
        raise StoreUnavailable("an answer of Cloud Storage names no generation")
    return generation


@contextmanager
def _door(bucket: str) -> Iterator[None]:
    """No error of Google's clients or of urllib3 gets past this; no message holds a header or a token."""
    try:
        yield
    except GoogleAPICallError as error:
        raise _answered(error, bucket) from None
    except GoogleAuthError as error:
        raise _unauthenticated(error, bucket) from None
    except (HTTPError, DataCorruption) as error:
        raise StoreUnavailable(f"gs://{bucket} cannot be reached: {cause_of(error)}") from None


def _answered(error: GoogleAPICallError, bucket: str) -> StoreUnavailable | StoreRefused:
    status, (message, reasons) = error.code or 0, _said(error)
    if status >= 500 or status in _TRANSIENT_STATUS or reasons & _OVERLOADED_REASONS:
        return StoreUnavailable(f"gs://{bucket} answered {status}: {message}", retry_after=_retry_after(error))
    match status:
        case 401:
            advice = "its credentials are not accepted: renew them"
        case 403:
            advice = f"no permission: grant roles/storage.objectUser on gs://{bucket} to the identity of this service"
        case 404:
            advice = f"no such bucket: create it (gcloud storage buckets create gs://{bucket})"
        case _:
            advice = "the request is not accepted"
    return StoreRefused(f"gs://{bucket}: {advice}; Cloud Storage answered {status}: {message}")


def _said(error: GoogleAPICallError) -> tuple[str, set[str]]:
    """Google's message and the reasons it gives, from the answer's body; the client puts whole URLs into its own."""
    try:
        refusal = error.response.json()["error"]
        message, reasons = str(refusal["message"]), {str(one.get("reason")) for one in refusal.get("errors", [])}
    except (ValueError, KeyError, TypeError, AttributeError):
        message, reasons = type(error).__name__, set()
    return printable(message), reasons


def _retry_after(error: GoogleAPICallError) -> float | None:
    return retry_after_seconds(error.response.headers.get("Retry-After")) if error.response is not None else None


def _unauthenticated(error: GoogleAuthError, bucket: str) -> StoreUnavailable | StoreRefused:
    """The client's texts are left out: some quote the answer of the token service."""
    if isinstance(error, DefaultCredentialsError):
        named = os.environ.get(KEY_FILE)
        return StoreRefused(
            f"gs://{bucket}: no usable Google credentials: run gcloud auth application-default login, "
            f"give the pod's service account a Google identity, or name a key file in {KEY_FILE}"
            + (f" ({named} is none that can be read)" if named else "")
        )
    if error.retryable or isinstance(error, TransportError) or isinstance(error.__cause__, TransportError):
        return StoreUnavailable(f"gs://{bucket}: no access token could be had now ({type(error).__name__})")
    return StoreRefused(f"gs://{bucket}: Google gives these credentials no access token: are they revoked or expired?")

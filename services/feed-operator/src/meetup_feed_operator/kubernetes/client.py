"""A small client of the Kubernetes API on aiohttp, which kopf brings: list, get, apply, patch and create, each once.

How often a call is tried is its caller's to say (``WorkQueue``).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgspec
from meetupkit.errors import PermanentError, TransientError
from meetupkit.foreign_text import printable
from meetupkit.http.retry_after import retry_after_seconds

from meetup_feed_operator.kubernetes.connection import Connection, CredentialsError, open_session
from meetup_feed_operator.kubernetes.credentials import Credentials
from meetup_feed_operator.kubernetes.kinds import Kind
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.resources.meetupfeed import Manifest
from meetup_feed_operator.resources.names import OPERATOR

_PAGE: Final = 100
"""Objects in one answer to a list: some hundred kilobytes, so that memory is bounded however many feeds there are."""
_MOST_BYTES: Final = 32 * 2**20
"""Of one answer: a page of objects of the size that etcd allows on average is far below."""
_MESSAGE_CHARS: Final = 500
"""What is kept of an error's message: enough for the field and the reason."""
_TRANSIENT: Final = frozenset({401, 408, 409, 410, 429})
"""401: the token was replaced, the next try reads it again. 409 and 410: what was read has changed, read it again."""
_TERMINATING: Final = "NamespaceTerminating"


class ApiUnavailable(TransientError):
    """The API server did not answer, or answered that it cannot now."""

    def __init__(self, message: str, *, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status


class ApiRefused(PermanentError):
    """The API server will not do this: not allowed, not valid, or there is no such thing."""

    def __init__(self, message: str, *, status: int, terminating: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.terminating = terminating
        """The namespace is being deleted: nothing can be made in it any more, and nothing needs to be."""


class KubeApi:
    """Raises ``ApiUnavailable`` or ``ApiRefused``. Belongs to one event loop."""

    def __init__(self, credentials: Credentials, metrics: Metrics, *, request_seconds: float) -> None:
        self._credentials = credentials
        self._metrics = metrics
        self._timeout = aiohttp.ClientTimeout(total=request_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._connection: Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close()

    async def list_objects(self, kind: Kind, namespace: str | None, *, selector: str = "") -> AsyncIterator[Manifest]:
        """All objects of the kind, page by page, with the kind that lists leave out."""
        params = {"limit": str(_PAGE)} | ({"labelSelector": selector} if selector else {})
        while True:
            page = await self._call("list", kind, "GET", kind.path(namespace), params=params)
            for item in page.get("items") or []:
                yield {**item, "apiVersion": kind.api_version, "kind": kind.name}
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            params["continue"] = token

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """One object."""
        return await self._call("get", kind, "GET", kind.path(namespace, name), params={})

    async def find(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """One object, or ``None`` if there is none of that name."""
        try:
            return await self.get(kind, namespace, name)
        except ApiRefused as error:
            if error.status != 404:
                raise
            return None

    async def announces(self, kind: Kind) -> bool:
        """Whether discovery names the kind; of a new CRD it does so a moment after its objects can be listed."""
        root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
        try:
            if kind.group and kind.group not in _names(await self._discover(kind, "/apis"), "groups"):
                return False
            return kind.plural in _names(await self._discover(kind, root), "resources")
        except ApiRefused as error:
            if error.status != 404:
                raise
            return False

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "", force: bool = True) -> Manifest:
        """Server-side apply: what the manifest says becomes so and belongs to this operator; returns the object."""
        meta = manifest["metadata"]
        return await self._call(
            "apply",
            kind,
            "PATCH",
            kind.path(meta["namespace"], meta["name"], subresource),
            params={"fieldManager": OPERATOR, "force": "true" if force else "false"},
            body=manifest,
            content_type="application/apply-patch+yaml",  # JSON is YAML
        )

    async def patch(self, kind: Kind, namespace: str, name: str, operations: list[dict[str, Any]]) -> Manifest:
        """A JSON patch (RFC 6902)."""
        return await self._call(
            "patch",
            kind,
            "PATCH",
            kind.path(namespace, name),
            params={"fieldManager": OPERATOR},
            body=operations,
            content_type="application/json-patch+json",
        )

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Create the object; its name must be free."""
        path = kind.path(manifest["metadata"]["namespace"])
        return await self._call("create", kind, "POST", path, params={"fieldManager": OPERATOR}, body=manifest)

    async def _discover(self, kind: Kind, path: str) -> Manifest:
        return await self._call("discover", kind, "GET", path, params={})

    async def _call(
        self,
        verb: str,
        kind: Kind,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        body: object = None,
        content_type: str = "application/json",
    ) -> Manifest:
        what = f"{verb} {path}"
        code = "none"
        try:
            session, server = await self._opened()
            async with session.request(
                method,
                server + path,
                params=params,
                data=None if body is None else msgspec.json.encode(body),
                headers={"Content-Type": content_type, "Accept": "application/json"},
                timeout=self._timeout,
            ) as response:
                code = str(response.status)
                content = await _bounded(response)
                if response.status >= 400:
                    raise self._error(what, response, content)
                return _object(content)
        except TimeoutError:
            raise ApiUnavailable(f"{what}: no answer in {self._timeout.total:g} s") from None
        except CredentialsError as error:
            self._credentials.refused()
            raise ApiUnavailable(f"no credentials for the API server: {error}") from None
        except aiohttp.ClientConnectorError as error:
            self._credentials.refused()
            await self._close()  # the server or its authority may have been replaced
            raise ApiUnavailable(f"{what}: {type(error).__name__}: {printable(str(error))}") from None
        except aiohttp.ClientError as error:
            raise ApiUnavailable(f"{what}: {type(error).__name__}: {printable(str(error))}") from None
        except (ValueError, RecursionError):
            raise ApiUnavailable(f"{what}: the answer is not a JSON object") from None
        finally:
            self._metrics.api_requests.labels(verb=verb, kind=kind.name, code=code).inc()

    def _error(self, what: str, response: aiohttp.ClientResponse, content: bytes) -> Exception:
        message, terminating = _refusal(content)
        text = f"{what}: {response.status} {message}".rstrip()
        if response.status == 401:
            self._credentials.refused()
        if response.status in _TRANSIENT or response.status >= 500:
            asked = retry_after_seconds(response.headers.get("Retry-After"))
            return ApiUnavailable(text, retry_after=asked, status=response.status)
        return ApiRefused(text, status=response.status, terminating=terminating)

    async def _opened(self) -> tuple[aiohttp.ClientSession, str]:
        """A session for the latest credentials, and the server's address."""
        connection = self._credentials.fresh()
        if connection is None:
            connection = await asyncio.to_thread(self._credentials.connection)
        before, self._connection = self._connection, connection
        if self._session is None or before is None or connection.endpoint != before.endpoint:
            await self._close()
            self._session = open_session(connection, self._headers)
        return self._session, connection.server

    def _headers(self) -> dict[str, str]:
        return self._connection.headers if self._connection else {}

    async def _close(self) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _MOST_BYTES:
            response.close()
            raise ValueError("too long")
    return bytes(content)


def _object(content: bytes) -> Manifest:
    answer = msgspec.json.decode(content)
    if not isinstance(answer, dict):
        raise ValueError("not an object")  # noqa: TRY004  (what is wrong is the answer, not a type of the program)
    return answer


def _names(answer: Manifest, section: str) -> set[str]:
    return {str(entry.get("name")) for entry in answer.get(section) or [] if isinstance(entry, dict)}


def _refusal(content: bytes) -> tuple[str, bool]:
    """What a ``Status`` object says, and whether it is of a namespace that ends; anything else is not repeated."""
    try:
        status = _object(content)
        if status.get("kind") != "Status":
            return "", False
        causes = (status.get("details") or {}).get("causes") or []
        ends = any(cause.get("reason") == _TERMINATING for cause in causes)
        return printable(str(status.get("message") or ""), _MESSAGE_CHARS), ends
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return "", False

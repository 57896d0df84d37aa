"""A small client of the Kubernetes API on aiohttp, which kopf brings: list, apply, patch and create, each tried once.

Credentials are kopf's (service account or kubeconfig), read again every minute, since a projected token is replaced
on disk within the hour. How often a call is tried is its caller's to say (``WorkQueue``).
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import kopf
from meetupkit.errors import PermanentError, TransientError

from meetup_feed_operator.kinds import Kind
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.names import OPERATOR
from meetup_feed_operator.resource import Manifest

Login = Callable[[], kopf.ConnectionInfo]

_LOGIN_SECONDS: Final = 60.0
"""client-go, too, reads a mounted token again after a minute."""
_PAGE: Final = 100
"""Objects in one answer to a list: some hundred kilobytes, so that memory is bounded however many feeds there are."""
_CONNECTIONS: Final = 32
_MESSAGE_CHARS: Final = 500
"""What is kept of an error's message: enough for the field and the reason."""
_TRANSIENT: Final = frozenset({401, 408, 409, 410, 429})
"""401: the token was replaced, the next try reads it again. 409 and 410: what was read has changed, read it again."""


class ApiUnavailable(TransientError):  # noqa: N818  (named for the state, as meetupkit's errors are)
    """The API server did not answer, or answered that it cannot now."""


class ApiRefused(PermanentError):  # noqa: N818
    """The API server will not do this: not allowed, not valid, or there is no such thing."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class KubeApi:
    """Raises ``ApiUnavailable`` or ``ApiRefused``. Belongs to one event loop."""

    def __init__(self, login: Login, metrics: Metrics, *, request_seconds: float) -> None:
        self._login = login
        self._metrics = metrics
        self._timeout = aiohttp.ClientTimeout(total=request_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._info: kopf.ConnectionInfo | None = None
        self._login_due = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def list_objects(self, kind: Kind, namespace: str | None, *, selector: str = "") -> AsyncIterator[Manifest]:
        """All objects of the kind, page by page, with the kind that lists leave out."""
        params = {"limit": str(_PAGE)} | ({"labelSelector": selector} if selector else {})
        while True:
            page = await self._call("list", kind, "GET", kind.path(namespace), params=params)
            for item in page.get("items", []):
                yield {**item, "apiVersion": kind.api_version, "kind": kind.name}
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            params["continue"] = token

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """One object."""
        return await self._call("get", kind, "GET", kind.path(namespace, name), params={})

    async def announces(self, kind: Kind) -> bool:
        """Whether discovery names the kind; of a new CRD it does so a moment after its objects can be listed."""
        groups = await self._call("discover", kind, "GET", "/apis", params={})
        if kind.group not in [group["name"] for group in groups.get("groups", [])]:
            return False
        try:
            found = await self._call("discover", kind, "GET", f"/apis/{kind.api_version}", params={})
        except ApiRefused as error:
            if error.status != 404:
                raise
            return False
        return kind.plural in [resource["name"] for resource in found.get("resources", [])]

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "") -> Manifest:
        """Server-side apply: what the manifest says becomes so and belongs to this operator; returns the object."""
        meta = manifest["metadata"]
        return await self._call(
            "apply",
            kind,
            "PATCH",
            kind.path(meta["namespace"], meta["name"], subresource),
            params={"fieldManager": OPERATOR, "force": "true"},
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
        info = await self._logged_in()
        assert self._session is not None  # noqa: S101  (_logged_in has opened it)
        what = f"{verb} {path}"
        code = "none"
        try:
            async with self._session.request(
                method,
                info.server.rstrip("/") + path,
                params=params,
                data=None if body is None else json.dumps(body).encode(),
                headers={**info.as_http_headers(), "Content-Type": content_type, "Accept": "application/json"},
                timeout=self._timeout,
            ) as response:
                code = str(response.status)
                content = await response.read()
                if response.status >= 400:
                    raise self._error(what, response, content)
                answer: Manifest = json.loads(content)
                return answer
        except TimeoutError:
            raise ApiUnavailable(f"{what}: no answer in {self._timeout.total:g} s") from None
        except aiohttp.ClientError as error:
            raise ApiUnavailable(f"{what}: {type(error).__name__}: {error}") from None
        except ValueError:
            raise ApiUnavailable(f"{what}: the answer is not JSON") from None
        finally:
            self._metrics.api_requests.labels(verb=verb, kind=kind.name, code=code).inc()

    def _error(self, what: str, response: aiohttp.ClientResponse, content: bytes) -> Exception:
        message = f"{what}: {response.status} {_message(content)}"
        if response.status == 401:
            self._login_due = 0.0
        if response.status in _TRANSIENT or response.status >= 500:
            asked = response.headers.get("Retry-After", "")
            return ApiUnavailable(message, retry_after=float(asked) if asked.isdigit() else None)
        return ApiRefused(message, status=response.status)

    async def _logged_in(self) -> kopf.ConnectionInfo:
        now = time.monotonic()
        if self._info is not None and now < self._login_due:
            return self._info
        try:
            info = await asyncio.to_thread(self._login)
        except (OSError, ValueError, LookupError, kopf.LoginError) as error:
            raise ApiUnavailable(f"no credentials for the API server: {error}") from None
        if self._session is None or self._info is None or _endpoint(info) != _endpoint(self._info):
            if self._session:
                await self._session.close()
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=info.as_ssl_context())
            self._session = aiohttp.ClientSession(connector=connector, proxy=info.proxy_url)
        self._info, self._login_due = info, now + _LOGIN_SECONDS
        return info


def _endpoint(info: kopf.ConnectionInfo) -> tuple[object, ...]:
    """Everything but the token, which is sent anew with each request."""
    return (
        info.server,
        info.ca_path,
        info.ca_data,
        info.insecure,
        info.certificate_path,
        info.certificate_data,
        info.private_key_path,
        info.private_key_data,
        info.proxy_url,
    )


def _message(content: bytes) -> str:
    """What a ``Status`` object says; anything else may hold anything, and is not repeated."""
    try:
        status = json.loads(content)
        return str(status["message"])[:_MESSAGE_CHARS] if status.get("kind") == "Status" else ""
    except (ValueError, LookupError, AttributeError):
        return ""

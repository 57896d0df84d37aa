"""The HTTP under google-cloud-storage: google-auth's urllib3 transport, in the shape of the session that it expects.

requests takes three times the processor time of urllib3 for the same exchange. Nothing is tried again here and no
redirect is followed: callers retry, and Cloud Storage redirects nobody.
"""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, Self

import urllib3
from google.auth.credentials import Credentials
from google.auth.transport.urllib3 import Request as TokenRequest
from requests.utils import get_auth_from_url, get_environ_proxies
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.util import Timeout, make_headers

_HOSTS: Final = 4
"""Cloud Storage and whoever gives the token."""
_NO_CONTENT: Final = 204
_UNAUTHORIZED: Final = 401
_LENGTH_TOLD: Final = ("Content-Length", "Transfer-Encoding")


class Asked(NamedTuple):
    """What an error of Google's names."""

    method: str
    url: str


class NotJsonError(HTTPError, ValueError):
    """Some other server's answer: a ``ValueError`` for Google's client, and one of the transport for its caller."""


class Answer:
    """As much of a ``requests.Response`` as google-cloud-storage reads."""

    def __init__(self, raw: urllib3.BaseHTTPResponse, asked: Asked) -> None:
        self.raw = raw
        self.request = asked
        self.status_code = raw.status
        self.headers = raw.headers
        self._content_consumed = False
        """Set by the client when it has read a download."""

    @property
    def content(self) -> bytes:
        """The whole body."""
        return self.raw.data

    @property
    def text(self) -> str:
        """The whole body."""
        return self.raw.data.decode("utf-8", "replace")

    def json(self) -> Any:
        """Raises ``NotJsonError`` if it is none."""
        try:
            return json.loads(self.raw.data)
        except ValueError as error:
            raise NotJsonError(f"the answer is not JSON: {error}") from None

    def iter_content(self, chunk_size: int = 65536, decode_unicode: bool = False) -> Iterator[bytes]:  # noqa: ARG002  (requests' signature)
        """The body in parts."""
        return self.raw.stream(chunk_size, decode_content=True)

    def close(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        self.raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._content_consumed:
            self.raw.release_conn()
        else:
            self.raw.close()


class GoogleTransport:
    """A connection for each thread of a writer, with the credentials' token on each request."""

    is_mtls = False

    def __init__(self, credentials: Credentials, *, connections: int) -> None:
        self._credentials = credentials
        self._connections = connections

    def open(self, endpoint: str) -> None:
        """Before the first request: the address that nearly all of them are for."""
        self._endpoint = endpoint
        self._manager = _manager(endpoint, self._connections)
        self._pool = None if self._manager.proxy else self._manager.connection_from_url(endpoint)
        self._token_service = TokenRequest(self._manager)

    def request(
        self,
        method: str,
        url: str,
        data: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: tuple[float, float] | float | None = None,
        stream: bool = False,
    ) -> Answer:
        """One exchange, or two if the token is not accepted any more; raises urllib3's and google-auth's errors."""
        raw = self._exchange(method, url, data, headers, _timeout(timeout), stream)
        if raw.status == _UNAUTHORIZED:
            raw.close()
            self._credentials.refresh(self._token_service)
            raw = self._exchange(method, url, data, headers, _timeout(timeout), stream)
        _require_whole_head(raw)
        return Answer(raw, Asked(method, url))

    def close(self) -> None:
        """Close the connections."""
        self._manager.clear()

    def _exchange(
        self,
        method: str,
        url: str,
        data: bytes | str | None,
        headers: Mapping[str, str] | None,
        timeout: Timeout,
        stream: bool,
    ) -> urllib3.BaseHTTPResponse:
        sent = dict(headers or {})
        self._credentials.before_request(self._token_service, method, url, sent)
        options: dict[str, Any] = {
            "body": data,
            "headers": sent,
            "timeout": timeout,
            "retries": False,
            "redirect": False,
            "preload_content": not stream,
        }
        if self._pool and url.startswith(self._endpoint):  # spares a manager's look-ups
            return self._pool.urlopen(method, url[len(self._endpoint) :], **options)
        return self._manager.urlopen(method, url, **options)


@cache
def _timeout(seconds: tuple[float, float] | float | None) -> Timeout:
    connect, read = seconds if isinstance(seconds, tuple) else (seconds, seconds)
    return Timeout(connect=connect, read=read)


def _require_whole_head(raw: urllib3.BaseHTTPResponse) -> None:
    """Python's HTTP client takes a head that breaks off for a whole one, and its body for empty or ended in time.

    Cloud Storage says how long each body is, so an answer that does not lost the end of its head.
    """
    if raw.status != _NO_CONTENT and not any(name in raw.headers for name in _LENGTH_TOLD):
        raw.close()
        raise ProtocolError("the answer broke off in its head")


def _manager(endpoint: str, connections: int) -> urllib3.PoolManager:
    """With the proxy and the certificates that the environment names, which is read once, here."""
    proxy = get_environ_proxies(endpoint).get(endpoint.partition(":")[0])
    certificates = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None
    options: dict[str, Any] = {
        "num_pools": _HOSTS,
        "maxsize": connections,
        "block": True,
        "ca_certs": certificates,
        "retries": False,
    }
    if not proxy:
        return urllib3.PoolManager(**options)
    user, password = get_auth_from_url(proxy)
    sign_in = make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
    return urllib3.ProxyManager(proxy, proxy_headers=sign_in, **options)

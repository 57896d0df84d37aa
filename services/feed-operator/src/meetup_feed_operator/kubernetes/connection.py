"""How the API server is reached, and HTTP sessions for it: the operator's own and kopf's alike."""

import base64
import binascii
import ssl
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import aiohttp
from meetupkit.errors import PermanentError
from meetupkit.foreign_text import printable
from meetupkit.urls import shown
from yarl import URL

_CONNECTIONS: Final = 32


class CredentialsError(PermanentError):
    """There is nothing to reach the API server with; says what is wrong, and in which file."""


@dataclass(frozen=True, slots=True)
class Pem:
    """A certificate or key: a file, or its own text."""

    name: str
    path: str = ""
    text: bytes = b""


@dataclass(frozen=True)
class Connection:
    """One API server and who speaks to it. ``headers`` hold the credentials, so they are never printed."""

    server: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    authority: Pem | None = None
    certificate: Pem | None = None
    key: Pem | None = field(default=None, repr=False)
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""

    @property
    def endpoint(self) -> tuple[object, ...]:
        """Everything but the headers, which are sent anew with each request."""
        trust = (self.authority, self.insecure, self.tls_server_name)
        return (self.server, self.certificate, self.key, self.proxy_url, *trust)

    @cached_property
    def tls(self) -> ssl.SSLContext | bool:
        """One for all sessions by the same reading of the credentials: the system's authorities alone take 20 ms.

        Raises ``CredentialsError`` naming the part that cannot be used.
        """
        return tls_context(self) if self.server.startswith("https:") else True


Login = Callable[[], Connection]
"""Reads the credentials anew; raises ``CredentialsError``."""


class _NamedServer(ssl.SSLContext):
    """Checks the server's certificate against another name than the address holds (``tls-server-name``)."""

    name = ""

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        return super().wrap_bio(*args, **{**options, "server_hostname": self.name})


def tls_context(connection: Connection) -> ssl.SSLContext:
    """Raises ``CredentialsError`` naming the part that cannot be used."""
    context = _NamedServer(ssl.PROTOCOL_TLS_CLIENT) if connection.tls_server_name else ssl.create_default_context()
    if isinstance(context, _NamedServer):
        context.name = connection.tls_server_name
        if not connection.authority:
            context.load_default_certs()
    if connection.authority:
        context = _trusting_only(context, connection.authority)
    if connection.certificate and connection.key:
        _show_certificate(context, connection.certificate, connection.key)
    if connection.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def open_session(
    connection: Connection,
    headers: Callable[[], dict[str, str]],
    answered: Callable[[URL, int], None] | None = None,
) -> aiohttp.ClientSession:
    """A session that sends ``headers()`` with each request, reports each answer, and follows no redirect."""

    async def send(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers.update(headers())
        response = await handler(request)
        if answered:
            answered(request.url, response.status)
        if 300 <= response.status < 400:  # else credentials would go wherever the answer points
            response.close()
            target = shown(response.headers.get("Location", ""))
            raise aiohttp.ClientConnectionError(f"the API server redirects to {target}, which is not followed")
        return response

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=connection.tls),
        proxy=connection.proxy_url or None,
        middlewares=(send,),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},  # an answer is as long as it is
        auto_decompress=False,
    )


def _trusting_only(context: ssl.SSLContext, authority: Pem) -> ssl.SSLContext:
    """The cluster's own authority replaces those of the system, as in kubectl."""
    if not isinstance(context, _NamedServer):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if authority.path:
            context.load_verify_locations(cafile=authority.path)
        else:
            context.load_verify_locations(cadata=_pem(authority).decode("ascii"))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise CredentialsError(f"{_where(authority)} cannot be used: {_why(error)}") from None
    return context


def _show_certificate(context: ssl.SSLContext, certificate: Pem, key: Pem) -> None:
    """Python loads both from files only, so that texts are written to some for a moment."""
    with ExitStack() as stack:
        try:
            files = [part.path or _written(stack, part) for part in (certificate, key)]
            context.load_cert_chain(files[0], files[1], password=_no_password)
        except (OSError, ValueError) as error:
            parts = f"{_where(certificate)} with {_where(key)}"
            raise CredentialsError(f"{parts} cannot be used: {_why(error)}") from None


def _written(stack: ExitStack, part: Pem) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory())  # which nobody else may enter
    path = Path(folder) / "part.pem"
    path.write_bytes(_pem(part))
    return str(path)


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _pem(part: Pem) -> bytes:
    """A kubeconfig holds PEM in base64; an exec plug-in answers PEM as it is."""
    if part.text.lstrip().startswith(b"-----BEGIN "):
        return part.text
    try:
        return base64.b64decode(part.text, validate=False)
    except binascii.Error:
        raise ValueError("it is not base64") from None


def _where(part: Pem) -> str:
    return f"{part.name} {part.path}" if part.path else part.name


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"it is no valid PEM ({error.reason or error})" if error.reason else "it is no valid PEM"
    return printable(error.strerror or str(error)) if isinstance(error, OSError) else printable(str(error))

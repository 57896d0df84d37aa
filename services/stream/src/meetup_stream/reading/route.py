"""The way to an address: straight, or through the proxy that the environment names, as every HTTP client takes it."""

import base64
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from requests.utils import get_environ_proxies, select_proxy

_PORTS: Final = {"http": 80, "https": 443}
_PROXY_PORT: Final = 80


class NoRoute(Exception):
    """The environment names a proxy that cannot be used; the text does not hold its password."""


@dataclass(frozen=True, slots=True)
class Route:
    """What to connect to, and what to ask for there."""

    host: str
    port: int
    server: str
    """The name of the server itself, which its certificate must bear."""
    authority: str
    """The server as the request names it: ``host[:port]``."""
    target: str
    """Of the request line: a path, or a whole address if a proxy is asked for it."""
    secure: bool
    tunnel: str | None = None
    """``host:port`` that a proxy is asked to connect to first."""
    proxy_authorization: str | None = None


def route_to(url: str, proxy: str | None) -> Route:
    """``url`` is a checked one. Raises ``NoRoute``."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or _PORTS[parts.scheme]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if proxy is None:
        return Route(host, port, host, parts.netloc, path, secure)
    through = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if through.scheme != "http" or not through.hostname:
        raise NoRoute(f"the environment names a proxy for {parts.scheme} that is not http://host:port")
    return Route(
        host=through.hostname,
        port=through.port or _PROXY_PORT,
        server=host,
        authority=parts.netloc,
        target=path if secure else url,
        secure=secure,
        tunnel=f"{f'[{host}]' if ':' in host else host}:{port}" if secure else None,
        proxy_authorization=_basic(through.username, through.password),
    )


def proxy_of_environment(url: str) -> str | None:
    """By ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, read as requests reads them."""
    return select_proxy(url, get_environ_proxies(url))


def _basic(user: str | None, password: str | None) -> str | None:
    if user is None:
        return None
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"

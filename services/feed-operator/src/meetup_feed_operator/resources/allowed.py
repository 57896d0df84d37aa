"""What a MeetupFeed may name: addresses and buckets, by the lists of the operator's settings. No I/O.

Whoever may create a MeetupFeed would else hold the identity and the network of the stream pods: any address reachable
from the cluster could be read, any bucket of the account written. Addresses are compared by their parts, as a client
reads them: no userinfo, case, default port, dots or percent-encoding makes one look like another.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from meetupkit.errors import PermanentError
from meetupkit.feeds import FEEDS
from meetupkit.urls import checked_http_url, shown

BUCKET_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9._-]{1,120}){0,8}$"
"""A bucket as Cloud Storage names them, and an optional prefix; the CRD says the same of ``spec.bucket``."""
_PORTS: Final = {"http": 80, "https": 443}
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""Characters that are the same written out and as ``%XX`` (RFC 3986, section 2.3)."""
_SEPARATORS: Final = frozenset({"/", "\\", "%", "?", "#", ";"})
"""Written as ``%XX`` they mean one thing to a client and another to some servers."""
_NUMBER: Final = re.compile(r"0[xX][0-9A-Fa-f]*|[0-9]+")
"""The last part of a host that resolvers take for an IPv4 address in an old notation (``127.1``, ``0x7f000001``)."""


class NotAllowed(PermanentError):
    """The operator's settings do not let a MeetupFeed have this."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parts by which two addresses are compared."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...]
    query: str


def address_of(url: str) -> Address:
    """Raises ``ValueError`` in words for whatever could be read in two ways."""
    parts = urlsplit(checked_http_url(url))
    return Address(parts.scheme, _host(parts), parts.port or _PORTS[parts.scheme], _path(parts.path), parts.query)


def allowed_address(entry: str) -> str:
    """An entry of the list, checked: ``https://host[:port][/path]``."""
    address_of(entry)
    return entry


def allowed_bucket(entry: str) -> str:
    """An entry of the list, checked: ``bucket[/prefix]``."""
    if not is_bucket(entry):
        raise ValueError("must be bucket[/prefix], without . or .. as a part of it")
    return entry


def is_bucket(text: str) -> bool:
    """Whether it is ``bucket[/prefix]`` and every part of it is a name."""
    bucket, *prefix = text.split("/")
    return bool(re.fullmatch(BUCKET_PATTERN, text)) and ".." not in bucket and not {".", ".."} & set(prefix)


def refuse_address(url: str, entries: Iterable[str]) -> None:
    """Raise ``NotAllowed`` unless an entry, or a row of the feed table, covers it."""
    try:
        asked = address_of(url)
    except ValueError as error:
        raise NotAllowed(f"spec.url {error}") from None
    if any(_covers(address_of(entry), asked) for entry in (*(row.url for row in FEEDS.values()), *entries)):
        return
    raise NotAllowed(
        f"spec.url {shown(url)} is not among the addresses that FEED_OPERATOR_ALLOWED_URLS (the chart's"
        " streams.allowedUrls) lets a MeetupFeed read"
    )


def refuse_bucket(bucket: str, entries: Iterable[str], *, default: str) -> None:
    """Raise ``NotAllowed`` unless it is the operator's own, or an entry covers it."""
    if not is_bucket(bucket):
        raise NotAllowed("spec.bucket must be bucket[/prefix], without . or .. as a part of it")
    asked = bucket.split("/")
    if bucket == default or any(asked[: len(parts)] == parts for parts in (entry.split("/") for entry in entries)):
        return
    raise NotAllowed(
        f"spec.bucket {bucket} is not among those that FEED_OPERATOR_ALLOWED_BUCKETS (the chart's"
        " streams.allowedBuckets) lets a MeetupFeed write to"
    )


def _covers(entry: Address, asked: Address) -> bool:
    """The path at the boundary of a segment; an entry with a query covers that query alone."""
    if (entry.scheme, entry.host, entry.port) != (asked.scheme, asked.host, asked.port):
        return False
    if entry.query:
        return (entry.path, entry.query) == (asked.path, asked.query)
    return asked.path[: len(entry.path)] == entry.path


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if parts.netloc.startswith("["):
        return _ip(host)
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return _ip(host)
    return host.lower()


def _ip(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError("must name a host, or an IP address in its usual form") from None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _path(path: str) -> tuple[str, ...]:
    """Its segments, decoded as far as that changes nothing; a slash at the end counts for nothing."""
    if _BROKEN_ESCAPE.search(path):
        raise ValueError("must not hold a % without two hexadecimal digits")
    decoded = _ESCAPE.sub(_decoded, path)
    segments = decoded.removesuffix("/").split("/")[1:]
    if any(segment in {"", ".", ".."} for segment in segments):
        raise ValueError("must not hold an empty part, . or .. in its path")
    return tuple(segments)


def _decoded(escape: "re.Match[str]") -> str:
    character = chr(int(escape[1], 16))
    if character in _SEPARATORS or not character.isprintable():
        raise ValueError("must not hold an encoded slash, backslash, percent, ?, # or control character in its path")
    return character if character in _PLAIN else escape[0].upper()

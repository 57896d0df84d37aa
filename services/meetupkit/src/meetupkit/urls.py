"""Addresses: checked where a setting gives them, and shown without what is secret in them."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from meetupkit.foreign_text import printable

LONGEST_URL: Final = 2048
"""Characters; what servers and proxies take is of this order."""
_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_VALUE: Final = re.compile(r"=[^&;]*")
_USERINFO: Final = re.compile(r"//[^/?#\s]*@")


def shown(url: str) -> str:
    """``url`` for a log, an error or a status: no user or password, no value of the query, printable.

    What cannot be read as an address is shown by its scheme alone.
    """
    try:
        parts = urlsplit(url)
        where = (
            f"{parts.scheme}://{_authority(parts)}{parts.path}"
            if parts.scheme
            else _USERINFO.sub("//", url.partition("?")[0])
        )
    except ValueError:
        return f"{printable(url.partition(':')[0], 20)}:… (unreadable)"
    query = f"?{_shown_query(parts.query)}" if parts.query else ""
    return printable(where + query)


def _shown_query(query: str) -> str:
    """Names stay, values go; a query without ``=`` may be a token as a whole, unless it is a short word."""
    return "&".join(
        _VALUE.sub("=…", pair) if "=" in pair else (pair if pair.isalpha() and len(pair) <= 16 else "…")  # ?trickle
        for pair in query.split("&")
    )


def _authority(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def checked_http_url(text: str) -> str:
    """``text``, if it is ``http(s)://host[:port][/path][?query]``; raises ``ValueError`` that does not repeat it.

    A user or password is refused: it would stand in the process's environment, in logs and in errors. Dots as a path,
    control characters, a fragment and a port outside 1 to 65535 are refused.
    """
    if len(text) > LONGEST_URL:
        raise ValueError(f"must be at most {LONGEST_URL} characters long")
    if not text.isascii() or any(c <= " " or c in '"<>\\^`{|}\x7f' for c in text):
        raise ValueError("must be an address in ASCII without white space, quotes or backslashes")
    parts = _split(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or password")
    if parts.fragment or text.endswith("#"):
        raise ValueError("must not hold a fragment (#...)")
    _check_host(parts)
    return text


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        raise ValueError("must be an address such as https://host:443/path") from None


def _check_host(parts: SplitResult) -> None:
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("must name a port from 1 to 65535, or none") from None
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("must name a port from 1 to 65535, or none")
    if not parts.netloc.startswith("[") and not (_HOST.fullmatch(host) and len(host) <= 253):
        raise ValueError("must name a host: letters, digits, hyphens, with single dots between them")

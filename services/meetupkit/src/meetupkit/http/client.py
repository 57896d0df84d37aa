"""One HTTP exchange with a server that may do anything: bounded in time and in size, never redirected.

What goes wrong is an ``ExchangeFailed``, whose text holds no address, no key and nothing of the answer but printable
text; the caller turns it into its own branch of the error tree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import requests
from urllib3.exceptions import HTTPError

from meetupkit.errors import cause_of
from meetupkit.foreign_text import printable
from meetupkit.http.deadline import BoundedSession, deadline
from meetupkit.urls import shown

CONNECT_SECONDS: Final = 5.0
"""Two SYNs of a lossy network; bounds each address that a name has."""
_CHUNK_BYTES: Final = 64 * 1024
_READABLE_CODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Unpacked as they come, in steps of a chunk: urllib3 bounds what a step may grow to."""
_PARTS_KEPT: Final = 64
"""Of an answer that failed, for whoever can read its begin; each at most a chunk."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class ExchangeFailed(Exception):
    """There is no answer to judge. What had come of it by then is kept: it may say that the request was taken."""

    status: int | None = None
    """The answer's, if its head had come."""
    part: bytes = b""
    """The begin of its body, unpacked."""


class NoAnswer(ExchangeFailed):
    """Refused, reset, unknown name, or an answer that is no HTTP."""


class TooSlow(ExchangeFailed):
    """The deadline passed before the answer was whole."""


class TooLarge(ExchangeFailed):
    """The answer's body is larger than the caller takes."""


class UnknownCoding(ExchangeFailed):
    """The body comes in a Content-Encoding that nobody asked for and that is not gzip or deflate."""


class Redirected(ExchangeFailed):
    """The server sends the caller elsewhere. Not followed: the target is the server's choice, not the operator's."""

    def __init__(self, status: int, target: str) -> None:
        super().__init__(f"answered {status}, a redirect to {shown(target)}, which is not followed")
        self.status = status
        self.target = shown(target)


@dataclass(slots=True)
class _Come:
    """What has come of an answer."""

    status: int | None = None
    parts: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. ``headers`` ignore case; ``body`` is unpacked; ``reason`` is the server's own, printable."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """A session for one thread, or for ``pool`` threads at once.

    No redirects, no cookies, no ``.netrc``, no proxy of the environment unless ``trust_env``. Nothing is retried here:
    ``meetupkit.retry`` is the one policy.
    """

    def __init__(self, *, pool: int = 1, trust_env: bool = False, headers: Mapping[str, str] | None = None) -> None:
        self._session = BoundedSession(pool=pool, trust_env=trust_env)
        self._session.headers.update(headers or {})

    def send(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to one request, whole after at most ``seconds`` (name look-up apart) and ``max_bytes``.

        Raises ``ExchangeFailed``.
        """
        failure: ExchangeFailed
        come = _Come()
        with deadline(seconds) as limit:
            try:
                answer = self._exchange(method, url, seconds, max_bytes, headers, params, data, come)
                if not limit.expired:
                    return answer
                failure = TooSlow(_late(seconds))  # cut in its trailers, which http.client takes for their end
            except ExchangeFailed as error:
                failure = TooSlow(_late(seconds)) if limit.expired else error
            except requests.Timeout:
                failure = TooSlow(_late(seconds))
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                failure = TooSlow(_late(seconds)) if limit.expired else NoAnswer(f"no answer ({cause_of(error)})")
        failure.status, failure.part = come.status, b"".join(come.parts[:_PARTS_KEPT])
        come.parts.clear()  # the error's traceback holds the list, and a caller may hold the error
        try:
            raise failure  # outside the handler: the library's error holds the address and its query
        finally:
            del failure  # else this frame and the error hold each other until the collector comes, body and all

    def _exchange(
        self,
        method: str,
        url: str,
        seconds: float,
        max_bytes: int,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
        data: bytes | Mapping[str, str] | None,
        come: _Come,
    ) -> Answer:
        with self._session.request(
            method,
            url,
            headers=headers,
            params=params,
            data=data,
            timeout=(min(CONNECT_SECONDS, seconds), seconds),
            stream=True,
        ) as answer:
            come.status = answer.status_code
            target = answer.headers.get("Location")
            if answer.status_code in _REDIRECTS and target is not None:
                answer.raw.close()  # its body is never read, not even to use the connection again
                raise Redirected(answer.status_code, target)
            _read_body(answer, max_bytes, come.parts)
            return Answer(answer.status_code, printable(answer.reason or ""), answer.headers, b"".join(come.parts))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _late(seconds: float) -> str:
    return f"no whole answer within {seconds:g} s"


def _read_body(answer: requests.Response, max_bytes: int, parts: list[bytes]) -> None:
    coding = answer.headers.get("Content-Encoding", "").strip().lower()
    if coding not in _READABLE_CODINGS:
        answer.raw.close()
        raise UnknownCoding(f"answered in the Content-Encoding {printable(coding, 40)}, which was not asked for")
    answer.raw.headers["Content-Encoding"] = coding  # urllib3 wants it without blanks
    size = 0
    while part := answer.raw.read1(_CHUNK_BYTES, decode_content=True):  # iter_content would wait for whole chunks
        size += len(part)
        if size > max_bytes:
            answer.raw.close()
            raise TooLarge(f"answered more than {max_bytes} bytes")
        parts.append(part)

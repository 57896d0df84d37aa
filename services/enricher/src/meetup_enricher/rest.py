"""One call of Meetup's REST API v2: a request, its answer within a time and a size, and nothing of the key anywhere.

The protocol wants the key in the query, so every error of the HTTP library holds it. None of them leaves this module,
not even as the context of another: ours are raised after the handler has ended.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import requests
from meetupkit.errors import UpstreamUnavailable
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from meetup_enricher.answers import AnswerTooLarge, Page, read_answer
from meetup_enricher.kinds import Kind
from meetup_enricher.metrics import Metrics

PAGE_SIZE: Final = 200
"""The most profiles in a page, and so the most ids worth asking for at once."""
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""200 profiles of 160 kB each, some fifty times the size of those recorded; bounds the memory of a call."""
_CHUNK_BYTES: Final = 64 * 1024
_CONNECT_SECONDS: Final = 5.0
_WIRE_LOGGERS: Final = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")


class _Redact(logging.Filter):
    """urllib3 logs whole request lines at DEBUG; what it logs goes without the key, whatever the level."""

    def __init__(self, key: SecretStr) -> None:
        super().__init__()
        self._key = key

    def filter(self, record: logging.LogRecord) -> bool:
        text, key = record.getMessage(), self._key.get_secret_value()
        if key in text:
            record.msg, record.args = text.replace(key, "[redacted]"), ()
        return True


class RestApi:
    """For one thread: a session of its own. ``observe`` gets the headers of every answer."""

    def __init__(
        self,
        *,
        url: str,
        key: SecretStr,
        call_seconds: float,
        observe: Callable[[Mapping[str, str]], None],
        metrics: Metrics,
    ) -> None:
        self._url = url
        self._key = key
        self._call_seconds = call_seconds
        self._observe = observe
        self._metrics = metrics
        self._session = requests.Session()
        self._session.trust_env = False  # a .netrc or a proxy of the environment must not see the key
        adapter = HTTPAdapter(max_retries=0, pool_maxsize=1)  # meetupkit.retry is the one retry policy
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._filter = _Redact(key)
        for name in _WIRE_LOGGERS:
            logging.getLogger(name).addFilter(self._filter)

    def page(self, kind: Kind, ids: Sequence[int], offset: int) -> Page:
        """The page with that offset (in pages) of the profiles with these ids, at most ``PAGE_SIZE``."""
        parameters = {
            kind.id_parameter: ",".join(map(str, ids)),
            "page": str(PAGE_SIZE),
            "offset": str(offset),
            "key": self._key.get_secret_value(),
        }
        began = time.monotonic()
        status = 0
        try:
            status, headers, body = self._get(f"{self._url}{kind.path}", parameters)
        except requests.Timeout:
            failure = "did not answer in time"
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            failure = f"connection failed ({_innermost(error)})"
        else:
            return read_answer(status, headers, body, datetime.now(UTC))
        finally:
            self._metrics.api_calls.labels(kind.name, _status_class(status)).inc()
            self._metrics.api_seconds.labels(kind.name).observe(time.monotonic() - began)
        raise UpstreamUnavailable(failure)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
        for name in _WIRE_LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)

    def _get(self, url: str, parameters: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        deadline = time.monotonic() + self._call_seconds
        with self._session.get(
            url,
            params=parameters,
            timeout=(min(_CONNECT_SECONDS, self._call_seconds), self._call_seconds),
            allow_redirects=False,  # another host must not get the key
            stream=True,
        ) as answer:
            self._observe(answer.headers)
            return answer.status_code, answer.headers, _body(answer, deadline)


def _status_class(status: int) -> str:
    """``2xx``, or ``none`` for a call without a whole answer; 429 apart, because throttling is a thing of its own."""
    match status:
        case 0:
            return "none"
        case 429:
            return "429"
        case _:
            return f"{status // 100}xx"


def _body(answer: requests.Response, deadline: float) -> bytes:
    """Bounded in time as well: a server that sends a byte now and then never meets a timeout between two bytes."""
    parts, size = [], 0
    while part := answer.raw.read1(_CHUNK_BYTES, decode_content=True):  # iter_content waits for whole chunks
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise AnswerTooLarge(f"answered more than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise requests.Timeout
        parts.append(part)
    return b"".join(parts)


def _innermost(error: BaseException) -> str:
    """The class of what happened at the bottom: ConnectionResetError, gaierror. Its text may hold the address."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return type(error).__name__

"""One call of Meetup's REST API v2: a request, its answer within a time and a size, and nothing of the key anywhere.

The protocol wants the key in the query, so every error of the HTTP library holds it. None of them leaves this module,
not even as the context of another: ours are raised after the handler has ended.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote, quote_plus

from meetupkit.errors import MeetupError, UpstreamUnavailable
from meetupkit.http.client import ExchangeFailed, HttpClient, Redirected, TooLarge
from pydantic import SecretStr

from meetup_enricher.kinds import Kind
from meetup_enricher.meetup.responses import AnswerTooLarge, CallRefused, Page, read_answer
from meetup_enricher.metrics import Metrics

PAGE_SIZE: Final = 200
"""The most profiles in a page, and so the most ids worth asking for at once."""
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""200 profiles of 40 kB each, some twelve times the size of those recorded; one character beyond Latin makes a text of
four times as many bytes, and a container has 256 MiB. For a larger answer half the ids are asked for."""
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


class MeetupClient:
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
        self._client = HttpClient(headers={"Accept-Encoding": "gzip, deflate"})
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
        failure: MeetupError
        try:
            answer = self._client.send(
                "GET",
                f"{self._url}{kind.path}",
                params=parameters,
                seconds=self._call_seconds,
                max_bytes=MAX_ANSWER_BYTES,
            )
            status = answer.status
            self._observe(answer.headers)
        except Redirected as error:
            status, failure = error.status or 0, self._refused_redirect(error)
        except TooLarge as error:
            failure = AnswerTooLarge(str(error))
        except ExchangeFailed as error:
            failure = UpstreamUnavailable(self._without_key(str(error)))
        else:
            return read_answer(answer.status, answer.headers, answer.body)
        finally:
            self._metrics.api_calls.labels(kind.name, _status_class(status)).inc()
            self._metrics.api_seconds.labels(kind.name).observe(time.monotonic() - began)
        raise failure  # outside of the handler: nothing of the library's error goes with it

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
        for name in _WIRE_LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)

    def _refused_redirect(self, error: Redirected) -> CallRefused:
        target = self._without_key(error.target)
        return CallRefused(
            f"redirected ({error.status}) to {target}, which is not followed: set ENRICHER_API_URL to where the API is"
        )

    def _without_key(self, text: str) -> str:
        key = self._key.get_secret_value()
        for form in (key, quote(key), quote_plus(key)):
            text = text.replace(form, "[redacted]")
        return text


def _status_class(status: int) -> str:
    """``2xx``, or ``none`` for a call without a whole answer; 429 apart, because throttling is a thing of its own."""
    match status:
        case 0:
            return "none"
        case 429:
            return "429"
        case _:
            return f"{status // 100}xx"

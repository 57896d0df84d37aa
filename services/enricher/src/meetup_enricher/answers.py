"""Reads an answer of Meetup's REST API v2: a page of profiles, or the error it means. No I/O.

Statuses and bodies are those that clients recorded until 2019. No message repeats a body or an address: ``meta.url``
and ``meta.next`` echo the API key.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from meetupkit.errors import Throttled, UpstreamRefused, UpstreamUnavailable

from meetup_enricher.pace import read_retry_after

_IDS_AT_FAULT: Final = frozenset({400, 413, 414, 422})
"""Statuses that can be due to one id of many: the request is split until the id is found."""
_TRY_AGAIN: Final = frozenset({408, 425})
"""4xx that say nothing against the request."""
_THROTTLED: Final = frozenset({"throttled", "blocked"})
"""Codes that older servers sent with a 400."""
_REPEATEDLY: Final = "more than the allowed times"
"""Part of the details that Meetup sends to a key that was throttled again and again within one hour."""


class IdsRefused(UpstreamRefused):
    """Meetup refuses this list of ids, or its answer to them can never be read; fewer of them may do."""


class AnswerTooLarge(IdsRefused):
    """The answer is larger than may be read; one for fewer ids is smaller."""


class ThrottledRepeatedly(Throttled):
    """Throttled "more than the allowed times in one hour"."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of profiles as they were answered, by id. ``strays`` results were not a profile with an id.

    ``results`` counts them all; ``more`` says whether the server has a further page.
    """

    profiles: Mapping[int, dict[str, Any]]
    results: int
    strays: int
    more: bool


def read_answer(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Page:
    """The page of a 200; any other answer raises what it means."""
    if status == 200:
        return _page(body)
    if status == 429 or (status == 400 and _error(body).get("code") in _THROTTLED):
        repeatedly = _REPEATEDLY in str(_error(body).get("details", ""))
        kind = ThrottledRepeatedly if repeatedly else Throttled
        raise kind(f"throttled ({status})", retry_after=read_retry_after(headers.get("Retry-After"), now))
    if status >= 500 or status in _TRY_AGAIN:
        raise UpstreamUnavailable(f"answered {status}", retry_after=read_retry_after(headers.get("Retry-After"), now))
    if status in _IDS_AT_FAULT:
        raise IdsRefused(f"answered {status}")
    if status == 401:
        raise UpstreamRefused("the API key is not accepted (401): set ENRICHER_API_KEY to one that is")
    if 300 <= status < 400:
        raise UpstreamRefused(f"redirected ({status}), which is not followed: set ENRICHER_API_URL to where the API is")
    raise UpstreamRefused(f"answered {status}: check ENRICHER_API_URL and ENRICHER_API_KEY")


def _page(body: bytes) -> Page:
    if not body.strip():
        raise UpstreamUnavailable("answered 200 with nothing in it")
    envelope = _json(body)
    results = envelope.get("results") if isinstance(envelope, dict) else None
    meta = envelope.get("meta") if isinstance(envelope, dict) else None
    if not isinstance(results, list) or not isinstance(meta, dict):
        raise UpstreamUnavailable("answered 200 without results and meta")
    profiles = {
        result["id"]: result for result in results if isinstance(result, dict) and type(result.get("id")) is int
    }
    return Page(profiles, len(results), len(results) - len(profiles), bool(meta.get("next")))


def _json(body: bytes) -> Any:
    """Lenient where one odd profile must not hold up 199 others: half surrogate pairs, NaN, and what is not UTF-8."""
    failure = "answered 200 with what is not JSON"
    try:
        return json.loads(body.decode("utf-8", errors="replace"))
    except ValueError:
        pass
    except RecursionError:
        failure = "answered 200 with JSON nested without end"
    raise UpstreamUnavailable(failure)  # outside of the handler: the error it handled holds the body


def _error(body: bytes) -> Mapping[str, Any]:
    """``{"details", "code", "problem"}``, or the first of ``{"errors": [{"code", "message"}]}``; empty if neither."""
    try:
        value = json.loads(body[:65_536])
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, dict) and isinstance(value.get("errors"), list) and value["errors"]:
        value = value["errors"][0]
    return value if isinstance(value, dict) else {}

"""Reads an answer of Meetup's REST API v2: a page of profiles, or the error it means. No I/O.

Statuses and bodies are those that clients recorded until 2019. No message repeats a body or an address: ``meta.url``
and ``meta.next`` echo the API key.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from meetupkit.errors import Throttled, UpstreamRefused, UpstreamUnavailable
from meetupkit.http.retry_after import retry_after_seconds

from meetup_enricher.meetup.rate_limit import LONGEST_SECONDS

_IDS_AT_FAULT: Final = frozenset({400, 413, 414, 422})
"""Statuses that can be due to one id of many: the request is split until the id is found."""
_TRY_AGAIN: Final = frozenset({408, 425})
"""4xx that say nothing against the request."""
_THROTTLED: Final = frozenset({"throttled", "blocked"})
"""Codes that older servers sent with a 400."""
_LONGEST_NUMBER: Final = 19
"""Digits of the largest number of 64 bits, and so of any that a store holds as a number."""
_MOST_VALUES: Final = 250_000
"""In an answer, as Python objects some 60 MB: 1,250 for each of 200 profiles, thirty times as many as recorded."""
_REPEATEDLY: Final = "more than the allowed times"
"""Part of the details that Meetup sends to a key that was throttled again and again within one hour."""


class CallRefused(UpstreamRefused):
    """Meetup refuses the key or the address; ``retry_after`` is when it asks to be tried again, if it does."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class IdsRefused(UpstreamRefused):
    """Meetup refuses this list of ids, or its answer to them can never be read; fewer of them may do."""


class AnswerTooLarge(IdsRefused):
    """The answer is larger than may be read; one for fewer ids is smaller."""


class ThrottledRepeatedly(Throttled):
    """Throttled "more than the allowed times in one hour"."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of profiles as they were answered, by id.

    ``results`` counts the results, of which ``strays`` were no profile with an id of its own; ``more`` says whether the
    server has a further page. ``complete``: the answer says how many results it has, and has so many (``True``) or
    other than so many (``False``); ``None`` if it does not say.
    """

    profiles: Mapping[int, dict[str, Any]]
    results: int
    strays: int
    more: bool
    complete: bool | None = None


class _Doubled(dict[str, Any]):
    """A JSON object that has a field twice; which of the two is meant, nobody can know."""


def read_answer(status: int, headers: Mapping[str, str], body: bytes, now: float | None = None) -> Page:
    """The page of a 200; any other answer raises what it means. ``now`` is a Unix time, by default this moment's."""
    if status == 200:
        return _page(body)
    retry_after = retry_after_seconds(headers.get("Retry-After"), now=now, longest=LONGEST_SECONDS)
    if status == 429 or (status == 400 and _error(body).get("code") in _THROTTLED):
        repeatedly = _REPEATEDLY in str(_error(body).get("details", ""))
        kind = ThrottledRepeatedly if repeatedly else Throttled
        raise kind(f"throttled ({status})", retry_after=retry_after)
    if status >= 500 or status in _TRY_AGAIN:
        raise UpstreamUnavailable(f"answered {status}", retry_after=retry_after)
    if status in _IDS_AT_FAULT:
        raise IdsRefused(f"answered {status}")
    if status == 401:
        why = "the API key is not accepted (401): set ENRICHER_API_KEY to one that is"
    elif 300 <= status < 400:
        why = f"redirected ({status}), which is not followed: set ENRICHER_API_URL to where the API is"
    else:
        why = f"answered {status}: check ENRICHER_API_URL and ENRICHER_API_KEY"
    raise CallRefused(why, retry_after=retry_after)


def _page(body: bytes) -> Page:
    if not body.strip():
        raise UpstreamUnavailable("answered 200 with nothing in it")
    if sum(map(body.count, (b"{", b"[", b","))) > _MOST_VALUES:  # ten million empty objects are 800 MB
        raise AnswerTooLarge(f"answered 200 with more than {_MOST_VALUES:,} values")
    envelope = _json(body)
    results = envelope.get("results") if isinstance(envelope, dict) else None
    meta = envelope.get("meta") if isinstance(envelope, dict) else None
    if not isinstance(results, list) or not isinstance(meta, dict):
        raise UpstreamUnavailable("answered 200 without results and meta")
    if isinstance(envelope, _Doubled) or isinstance(meta, _Doubled):
        raise UpstreamUnavailable("answered 200 with a field twice in it")
    profiles = {result["id"]: result for result in results if _is_profile(result)}
    more = bool(meta.get("next"))
    return Page(profiles, len(results), len(results) - len(profiles), more, _complete(meta, len(results)))


def _is_profile(result: Any) -> bool:
    return isinstance(result, dict) and type(result.get("id")) is int and not isinstance(result, _Doubled)


def _complete(meta: Mapping[str, Any], results: int) -> bool | None:
    """Whether the counts in the answer's ``meta`` are those of its results; they are of a page and of all pages."""
    counts = [meta[name] for name in ("count", "total_count") if meta.get(name) is not None]
    return all(type(count) is int and count == results for count in counts) if counts else None


def _json(body: bytes) -> Any:
    """Lenient where one odd profile must not hold up 199 others: lone surrogates, NaN, any length of a number, and what
    is not UTF-8."""
    text, failure = body.decode("utf-8-sig", errors="replace"), "answered 200 with what is not JSON"
    for whole_number in (int, _digits):  # Python's own is the faster, and fails at 4,300 digits
        try:
            return json.loads(text, object_pairs_hook=_object, parse_int=whole_number)
        except ValueError:
            pass
        except RecursionError:
            failure = "answered 200 with JSON nested without end"
            break
    raise UpstreamUnavailable(failure)  # outside of the handler: the error it handled holds the body


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _Doubled(fields)


def _digits(text: str) -> int | str:
    """A number that nothing can hold stays the digits that it has."""
    return int(text) if len(text) <= _LONGEST_NUMBER else text


def _error(body: bytes) -> Mapping[str, Any]:
    """``{"details", "code", "problem"}``, or the first of ``{"errors": [{"code", "message"}]}``; empty if neither."""
    try:
        value = json.loads(body[:65_536])
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, dict) and isinstance(value.get("errors"), list) and value["errors"]:
        value = value["errors"][0]
    return value if isinstance(value, dict) else {}

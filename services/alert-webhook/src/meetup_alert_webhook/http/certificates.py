"""The certificates that Google signs its tokens with: fetched before they run out, never in a good token's way.

One fetch is under way at a time. A token whose key is known is checked without waiting; of those with unknown keys a
few wait for the fetch, and the others are told to come again. A failed fetch is remembered for some seconds, so that
senders cost no more while the publisher is down.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Final

from meetupkit.http.client import ExchangeFailed, HttpClient

from meetup_alert_webhook.http.credentials import CannotCheck

_FETCH_SECONDS: Final = 5.0
"""For the whole answer, which has some 4 kB."""
_MOST_BYTES: Final = 256 * 1024
_MOST_WAITING: Final = 16
"""Requests that wait for a fetch: good senders at the start; more would be many connections for one slow publisher."""
_REFETCH_SECONDS: Final = 60.0
"""A token with an unknown key makes us look again at most this often, or forged ones could make us ask for ever."""
_FAILED_SECONDS: Final = (1.0, 2.0, 4.0, 8.0)
"""How long a failure is remembered: the first, the next, and so on; then the last of these."""
_DEFAULT_AGE: Final = 3600.0
_AGES: Final = (60.0, 86_400.0)
"""The publisher says how long its certificates are good (Google: some 6 h). A withdrawn key: a day at most."""
_EARLY: Final = 0.75
"""Of that time; then they are fetched anew while the old ones still serve."""


class Certificates:
    """For one event loop. ``clock`` is in seconds and never runs backwards."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._client = HttpClient(trust_env=True)
        self._by_key: Mapping[str, str] = {}
        self._good_until = self._fetch_at = self._asked_at = self._failed_until = float("-inf")
        self._failures = 0
        self._why = ""
        self._fetching: asyncio.Task[None] | None = None
        self._waiting = 0

    async def with_key(self, key_id: str) -> Mapping[str, str]:
        """The certificates, among them that of the key if the signer has it; or raises ``CannotCheck``."""
        now = self._clock()
        good = now < self._good_until
        if now >= self._failed_until and now >= self._fetch_at:
            self._begin_fetch()
        if good and key_id in self._by_key:
            return self._by_key
        if good and now < self._asked_at + _REFETCH_SECONDS and not self._fetching:
            return self._by_key  # a key that nobody published a moment ago
        if now < self._failed_until and not good:
            raise CannotCheck(f"the signer's certificates cannot be had: {self._why}")
        if now >= self._failed_until:
            self._begin_fetch()
        await self._wait()
        if self._clock() >= self._good_until:
            raise CannotCheck(f"the signer's certificates cannot be had: {self._why}")
        return self._by_key

    def _begin_fetch(self) -> None:
        if not self._fetching:
            self._fetching = asyncio.create_task(self._fetch())

    async def _wait(self) -> None:
        if not self._fetching:
            return
        if self._waiting >= _MOST_WAITING:
            raise CannotCheck("the signer's certificates are being fetched")
        self._waiting += 1
        try:
            await asyncio.shield(self._fetching)
        finally:
            self._waiting -= 1

    async def _fetch(self) -> None:
        try:
            found, age = await asyncio.to_thread(self._download)
        except (ExchangeFailed, ValueError, RecursionError) as error:
            self._why = str(error)
            self._failed_until = self._clock() + _FAILED_SECONDS[min(self._failures, len(_FAILED_SECONDS) - 1)]
            self._failures += 1
        else:
            now = self._clock()
            self._by_key, self._failures = found, 0
            self._good_until, self._fetch_at = now + age, now + _EARLY * age
        finally:
            self._asked_at = self._clock()
            self._fetching = None

    def _download(self) -> tuple[Mapping[str, str], float]:
        answer = self._client.send("GET", self._url, seconds=_FETCH_SECONDS, max_bytes=_MOST_BYTES)
        if answer.status != 200:
            raise ValueError(f"status {answer.status}")
        try:
            found = json.loads(answer.body)
        except ValueError:
            raise ValueError("the answer is not JSON") from None
        if not isinstance(found, dict) or "keys" in found or not all(isinstance(pem, str) for pem in found.values()):
            raise ValueError("the answer is not certificates by key id")
        return found, _age(answer.headers.get("Cache-Control", ""))


def _age(cache_control: str) -> float:
    told = re.search(r"max-age=(\d{1,9})", cache_control[:1000])
    shortest, longest = _AGES
    return min(max(float(told[1]) if told else _DEFAULT_AGE, shortest), longest)

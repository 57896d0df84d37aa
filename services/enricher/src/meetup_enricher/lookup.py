"""The look-up of a batch: as few calls as the API allows, each through the gate.

A batch is one call, more if the server pages. One that Meetup refuses is split in halves until the id at fault stands
alone; that id is remembered as missing and the rest proceeds.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from meetupkit.errors import UpstreamRefused, UpstreamUnavailable

from meetup_enricher.answers import AnswerTooLarge, IdsRefused, Page
from meetup_enricher.gate import Gate
from meetup_enricher.kinds import Kind
from meetup_enricher.metrics import Metrics
from meetup_enricher.profiles import Why
from meetup_enricher.rest import RestApi

_MAX_PAGES: Final = 20
"""For servers whose pages are smaller than asked for: 200 ids in pages of 10."""
_MAX_REFUSALS: Final = 16
"""Twice the eight halvings of 200 ids. So many refusals without one answer are about the request, not about an id."""


@dataclass(slots=True)
class Answer:
    """What became of a batch: each of its ids is in exactly one of the two."""

    found: dict[int, dict[str, Any]] = field(default_factory=dict)
    missing: dict[int, Why] = field(default_factory=dict)


class Lookup:
    """Looks up the profiles of one kind. ``waiting`` is told the seconds of each wait and of each call before it."""

    def __init__(
        self,
        *,
        kind: Kind,
        api: RestApi,
        gate: Gate,
        metrics: Metrics,
        call_seconds: float,
        waiting: Callable[[float], None],
    ) -> None:
        self._kind = kind
        self._api = api
        self._gate = gate
        self._metrics = metrics
        self._call_seconds = call_seconds
        self._waiting = waiting

    def look_up(self, ids: Sequence[int]) -> Answer:
        """Ask for all of the ids.

        Raises ``UpstreamUnavailable`` (try again later), ``UpstreamRefused`` (the key, or everything that is asked
        for) or ``GateClosed`` (the service stops); then nothing is known of any id.
        """
        answer = Answer()
        refusals = 0
        # Shuffled, so that bad ids that stand together do not look like a server that refuses everything.
        parts = [random.sample(ids, len(ids))]
        while parts:
            part = parts.pop()
            try:
                found = self._profiles(part)
            except IdsRefused as error:
                refusals += 1
                if refusals > _MAX_REFUSALS and not (answer.found or Why.ABSENT in answer.missing.values()):
                    why = f"every list of ids is refused ({error})"
                    self._gate.refused(why)
                    raise UpstreamRefused(why) from None
                if len(part) > 1:
                    half = len(part) // 2
                    parts += [part[half:], part[:half]]
                else:
                    answer.missing[part[0]] = Why.UNSTORABLE if isinstance(error, AnswerTooLarge) else Why.REFUSED
                continue
            answer.found |= found
            answer.missing |= dict.fromkeys(set(part) - found.keys(), Why.ABSENT)
        return answer

    def _profiles(self, ids: Sequence[int]) -> Mapping[int, dict[str, Any]]:
        """The profiles of those ids that have one. Follows the paging by counting, never by the address in ``next``."""
        asked, found = set(ids), dict[int, dict[str, Any]]()
        for offset in range(_MAX_PAGES):
            page = self._gate.call(lambda offset=offset: self._page(ids, offset), self._waiting)  # type: ignore[misc]
            wanted = {key: profile for key, profile in page.profiles.items() if key in asked}
            self._metrics.unasked.labels(self._kind.name).inc(page.strays + len(page.profiles) - len(wanted))
            found |= wanted
            if not page.more or len(found) == len(asked):
                return found
            if not page.results:
                break
        # Not "missing": the server said that there is more.
        raise UpstreamUnavailable("promised a further page and did not send it")

    def _page(self, ids: Sequence[int], offset: int) -> Page:
        self._waiting(self._call_seconds)
        return self._api.page(self._kind, ids, offset)

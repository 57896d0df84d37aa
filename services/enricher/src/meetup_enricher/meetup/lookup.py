"""The look-up of a batch: as few calls as the API allows, each through the guard.

A batch is one call. An id is called missing only if a whole and consistent result, in one page, lacked it: what an
answer of several pages lacked, or one that contradicts itself, is asked for again. A batch that Meetup refuses is
split in halves until the id at fault stands alone.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from meetupkit.errors import UpstreamRefused, UpstreamUnavailable

from meetup_enricher.kinds import Kind, MissingReason, is_of_another_kind
from meetup_enricher.meetup.client import MeetupClient
from meetup_enricher.meetup.guard import ApiGuard
from meetup_enricher.meetup.responses import AnswerTooLarge, IdsRefused, Page
from meetup_enricher.metrics import Metrics

_MAX_PAGES: Final = 20
"""For servers whose pages are smaller than asked for: 200 ids in pages of 10."""
_MAX_REFUSALS: Final = 16
"""Twice the eight halvings of 200 ids. So many refusals without one answer are about the request, not about an id."""
_MAX_REPEATS: Final = 16
"""Calls for what answers left unclear: enough to halve 200 ids down to the one at fault, twice. What is unclear after
them waits: another batch is more use than another call for this one."""


@dataclass(slots=True)
class LookupResult:
    """What became of a batch: each of its ids is in exactly one of the three. Of ``unclear`` ones nothing is known."""

    found: dict[int, dict[str, Any]] = field(default_factory=dict)
    missing: dict[int, MissingReason] = field(default_factory=dict)
    unclear: set[int] = field(default_factory=set)

    @property
    def answers_for_any(self) -> bool:
        """Whether Meetup has answered for at least one of the ids, and so is not refusing whatever it is asked."""
        return bool(self.found) or MissingReason.ABSENT in self.missing.values()


@dataclass(frozen=True, slots=True)
class _Part:
    """Ids to ask for in one request; ``again`` if an answer has left them unclear already."""

    ids: Sequence[int]
    again: bool = False

    def halves(self) -> list["_Part"]:
        half = len(self.ids) // 2
        return [_Part(self.ids[half:], self.again), _Part(self.ids[:half], self.again)]


class Lookup:
    """Looks up the profiles of one kind. ``waiting`` is told the seconds of each wait and of each call before it."""

    def __init__(
        self,
        *,
        kind: Kind,
        api: MeetupClient,
        guard: ApiGuard,
        metrics: Metrics,
        call_seconds: float,
        waiting: Callable[[float], None],
    ) -> None:
        self._kind = kind
        self._api = api
        self._guard = guard
        self._metrics = metrics
        self._call_seconds = call_seconds
        self._waiting = waiting

    def look_up(self, ids: Sequence[int]) -> LookupResult:
        """Ask for all of the ids.

        Raises ``UpstreamUnavailable`` (try again later), ``UpstreamRefused`` (the key, or everything that is asked
        for) or ``GuardClosed`` (the service stops); then nothing is known of any id.
        """
        result = LookupResult()
        refusals = repeats = 0
        # Shuffled, so that bad ids that stand together do not look like a server that refuses everything.
        parts = [_Part(random.sample(ids, len(ids)))]
        while parts:
            part = parts.pop()
            if part.again and repeats >= _MAX_REPEATS:
                result.unclear |= set(part.ids)
                continue
            repeats += part.again
            try:
                parts += self._ask(part, result)
            except IdsRefused as error:
                refusals += 1
                if refusals > _MAX_REFUSALS and not result.answers_for_any:
                    why = f"every list of ids is refused ({error})"
                    self._guard.refused(why)
                    raise UpstreamRefused(why) from None
                if len(part.ids) > 1:
                    parts += part.halves()
                else:
                    result.missing[part.ids[0]] = _reason(error)
        if result.unclear and not (result.found or result.missing):
            raise UpstreamUnavailable("answered 200, but with nothing that is certain of any id")
        return result

    def _ask(self, part: _Part, result: LookupResult) -> list[_Part]:
        """Note what one request shows of the part's ids; returns what must be asked for again."""
        page = self._page(part.ids, 0)
        result.found |= (found := self._wanted(page, part.ids))
        lacking = [each for each in part.ids if each not in found]
        if _is_whole(page, part, len(found)):
            result.missing |= dict.fromkeys(lacking, MissingReason.ABSENT)
            return []
        if page.more and lacking:
            result.found |= (found := self._further(part.ids, lacking))
            lacking = [each for each in lacking if each not in found]
        if not lacking:
            return []
        if len(part.ids) == 1 and part.again:
            result.unclear |= set(lacking)
            return []
        # A page of this server holds so many ids; the second time, half of them, to find the one at fault.
        most = page.results if page.more and page.results else len(lacking)
        if part.again:
            most = max(1, min(most, len(lacking) // 2))
        return [_Part(lacking[start : start + most], again=True) for start in range(0, len(lacking), most)]

    def _further(self, ids: Sequence[int], lacking: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What further pages hold of the ids that are still lacking, until one brings nothing.

        Follows the paging by counting, never by the address in ``next``, which a server may lead in a circle.
        """
        rest, found = set(lacking), dict[int, dict[str, Any]]()
        for offset in range(1, _MAX_PAGES):
            page = self._page(ids, offset)
            brought = {each: profile for each, profile in self._wanted(page, ids).items() if each in rest}
            found |= brought
            rest -= brought.keys()
            if not (rest and brought and page.more):
                break
        return found

    def _wanted(self, page: Page, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """The profiles that were asked for; counts all other results."""
        asked = set(ids)
        wanted = {
            each: profile
            for each, profile in page.profiles.items()
            if each in asked and not is_of_another_kind(self._kind, profile)
        }
        self._metrics.unasked.labels(self._kind.name).inc(page.results - len(wanted))
        return wanted

    def _page(self, ids: Sequence[int], offset: int) -> Page:
        def request() -> Page:
            self._waiting(self._call_seconds)
            return self._api.page(self._kind, ids, offset)

        return self._guard.call(request, self._waiting)


def _reason(error: IdsRefused) -> MissingReason:
    return MissingReason.UNSTORABLE if isinstance(error, AnswerTooLarge) else MissingReason.REFUSED


def _is_whole(page: Page, part: _Part, found: int) -> bool:
    """Whether there is no profile of what the page lacks: it is the only one, and all of it is what was asked for.

    One that does not say how many results it has may have been cut: it is believed of a single id, the second time.
    One that knows not one of several ids may be no answer at all: it is believed the second time.
    """
    if page.more or page.complete is False or page.results != found:
        return False
    alone = len(part.ids) == 1
    if page.complete is None:
        return part.again and alone
    return part.again or alone or found > 0

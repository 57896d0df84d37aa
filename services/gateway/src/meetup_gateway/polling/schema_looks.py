"""A look at the API's own schema once a day: what changed of the types that records are made of."""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from meetupkit.errors import UpstreamRefused

from meetup_gateway.durations import HOUR_MS
from meetup_gateway.observing.schema import Change, Difference, Fields, differences, read_fields
from meetup_gateway.polling.context import Context
from meetup_gateway.privacy.allowed_fields import ALLOWED
from meetup_gateway.source.api import Found, Result, Waiting
from meetup_gateway.source.budget import Share
from meetup_gateway.source.documents import fields_asked_for

log = logging.getLogger(__name__)

_KEPT: Final = "schema"
_TYPES: Final = sorted(kind for kind in ALLOWED if not kind.startswith("__"))
_FIRST_MS: Final = HOUR_MS
"""After the first start: then points are short, and the fields that are missing are learnt from the queries."""
_MOST_NAMED: Final = 20
"""Differences in one log line; a new release of the schema may have hundreds."""


class SchemaLooks:
    """Compares with the last look, across restarts. It costs a few requests, with points that nothing urgent needs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        kept = context.meta.get(_KEPT) or {}
        self._next: int = kept.get("next", context.now() + _FIRST_MS)
        self._types: dict[str, Fields] = {
            kind: {name: (text, deprecated) for name, (text, deprecated) in fields.items()}
            for kind, fields in kept.get("types", {}).items()
        }
        self._answers: dict[str, Result] = {}
        """Of the look that is under way: points may run out in the middle."""
        self._count_deprecated()
        for change in Change:
            context.metrics.schema_changes.labels(change.value)  # there from the start: else the first rise is unseen

    def work(self, now: int) -> float | None:
        """Look if it is time; seconds to wait if the points are out, ``None`` if there is nothing to do."""
        every = self._context.options.schema_every
        if not every or now < self._next:
            return None
        waiting = [kind for kind in _TYPES if kind not in self._answers]
        asked = waiting if self._answers else waiting[:1]  # where that is not shown, asking on would only fail
        answers = dict(zip(asked, self._ask(asked), strict=False))
        self._answers |= {kind: each for kind, each in answers.items() if not isinstance(each, Waiting)}
        if wait := max((each.seconds for each in answers.values() if isinstance(each, Waiting)), default=0.0):
            return wait
        if len(asked) == 1 < len(waiting) and _fields(answers.get(asked[0])):
            return 0.0
        self._end(now + every)
        return 0.0

    def _end(self, following: int) -> None:
        found = {kind: fields for kind, each in self._answers.items() if (fields := _fields(each)) is not None}
        self._answers.clear()
        if any(found.values()):  # a type alone may be gone; all of them are only not shown
            self._compare(found)
        self._next = following
        self._context.meta.put(_KEPT, {"next": self._next, "types": self._types})

    def _ask(self, kinds: Sequence[str]) -> list[Result]:
        try:
            return self._context.api.ask("type", [{"name": kind} for kind in kinds], Share.BACKFILL)
        except UpstreamRefused as error:
            # Of the API as a whole the next query says the same; of introspection alone nobody else needs to stop.
            log.info("Meetup does not show its schema: %s", error, extra={"event": "schema_hidden"})
            return []

    def _compare(self, seen: Mapping[str, Fields]) -> None:
        asked = fields_asked_for()
        found: list[Difference] = []
        for kind, fields in seen.items():
            ours = frozenset(name for each in asked if (name := each.removeprefix(f"{kind}.")) != each)
            found += differences(kind, self._types.get(kind), fields, ours)
        self._types.update(seen)
        self._count_deprecated()
        for difference in found:
            self._context.metrics.schema_changes.labels(difference.change.value).inc()
        serious = [each for each in found if each.field in asked and each.change != Change.ADDED]
        _tell(logging.WARNING, "Meetup's schema has changed in what records are made of: %s", serious)
        _tell(logging.INFO, "Meetup's schema has changed: %s", [each for each in found if each not in serious])

    def _count_deprecated(self) -> None:
        asked = fields_asked_for()
        some = (f"{kind}.{name}" for kind, fields in self._types.items() for name, (_, gone) in fields.items() if gone)
        self._context.metrics.deprecated.set(sum(field in asked for field in some))


def _tell(level: int, message: str, found: Sequence[Difference]) -> None:
    if found:
        named = ", ".join(map(str, found[:_MOST_NAMED])) + (", ..." if len(found) > _MOST_NAMED else "")
        log.log(level, message, named, extra={"event": "schema_changed"})


def _fields(answer: Result | None) -> Fields | None:
    return read_fields(answer.value) if isinstance(answer, Found) and not answer.harmed else None

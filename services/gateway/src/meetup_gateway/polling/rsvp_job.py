"""The RSVPs of one event, page by page: the newest until what is known, or the whole list."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from meetup_gateway.observing.changes import CALLED_OFF
from meetup_gateway.observing.pages import Page
from meetup_gateway.observing.rsvps import OVERLAP_MS, Answer, knows, observe_answer
from meetup_gateway.observing.states import EventState, RsvpState
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.jobs import Job, Node
from meetup_gateway.translating.tables import EVENT_STATUSES
from meetup_gateway.translating.values import Untranslatable

_NEW: Final = 50
_WHOLE: Final = 200


class ReadJob(Job):
    """The answers of one event, newest first."""

    def __init__(self, context: Context, event: EventState, known: Mapping[int, RsvpState], *, whole: bool) -> None:
        super().__init__("event_rsvps", "rsvps")
        self._context = context
        self.event = event
        self.known = known
        self.whole = whole
        self.gap = False
        self.answers: dict[int, Answer] = {}
        self.unread = 0
        self.called_off = False
        self._overlap = False
        self._oldest: int | None = None

    def variables(self) -> Mapping[str, Any]:
        """Of the next page."""
        first = _WHOLE if self.whole else _NEW
        return {"id": self.event.event_id, "first": first, "after": self.listing.after}

    def _turn(self, page: Page) -> bool:
        self.called_off = EVENT_STATUSES.get(str(page.root.get("status"))) == CALLED_OFF
        answers = self._observe(page.nodes, page.root)
        more = super()._turn(page)
        if self.whole:
            return more
        if self._met(answers):
            return False
        if not more and not self.listing.ended:
            self.whole = True  # cut before what is known was met
        return more

    def _observe(self, nodes: Sequence[Node], event: Node) -> list[Answer]:
        group = event.get("group")
        found = []
        for node in nodes:
            try:
                answer = observe_answer(
                    node, event, group if isinstance(group, dict) else {}, waitlist=self._context.options.waitlist
                )
            except Untranslatable as error:
                self.unread += 1
                self._context.quarantine("rsvp", str(error))
                continue
            found.append(answer)
            self._context.lost(answer.lost)
            self.answers[answer.id] = answer
        return found

    def _met(self, answers: Sequence[Answer]) -> bool:
        """Whether what follows is known. It is not if the order is not kept, or if nothing known was met on the way."""
        times = [answer.updated for answer in answers]
        self._overlap = self._overlap or any(knows(self.known, answer) for answer in answers)
        ordered = all(time is not None for time in times)
        for time in times:
            if time is not None:
                ordered = ordered and (self._oldest is None or time <= self._oldest)
                self._oldest = time
        if not ordered:
            self.whole = True
            return False
        if self._oldest is None or self._oldest >= self.event.watermark - OVERLAP_MS:
            return False
        if not self._overlap and self.known:
            self.gap = self.whole = True
            return False
        return True

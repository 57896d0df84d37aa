"""Answers of past events, read with the points that nothing else needs; where it stopped, it goes on."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from meetup_gateway.observing.events import identity_of
from meetup_gateway.observing.pages import Page
from meetup_gateway.observing.states import EventState, GroupState
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.jobs import Job, run
from meetup_gateway.polling.rsvp_job import ReadJob
from meetup_gateway.polling.rsvp_reads import commit_answers
from meetup_gateway.polling.sweep_job import iso
from meetup_gateway.source.budget import Share

_EVENTS: Final = 5
_PAGE: Final = 100
_PAUSE_MS: Final = 600_000
"""After a failure: nobody waits for what is past, and an outage lasts minutes."""


class PastJob(Job):
    """The past events of one group."""

    def __init__(self, group: GroupState, begins: int, until: int) -> None:
        super().__init__("past_events", "events")
        self.group = group
        self._window = {"from": iso(begins), "until": iso(until)}

    def variables(self) -> Mapping[str, Any]:
        """Of the next page."""
        return {"id": self.group.id, **self._window, "first": _PAGE, "after": self.listing.after}


class Backfill:
    """A little at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._past: list[PastJob] = []
        self._reads: list[_PastRead] = []
        self._failed: set[str] = set()
        self._resumes = 0

    def work(self) -> float | None:
        """Do a little; seconds to wait if the points are out, ``None`` if there is nothing to do."""
        now = self._context.now()
        if not self._context.options.backfill or now < self._resumes:
            return None
        if self._reads or (waiting := self._waiting()):
            return self._read([] if self._reads else waiting)
        wait = self._list()
        if wait is None and self._failed:
            self._failed.clear()  # all else is done: these once more
            self._resumes = now + _PAUSE_MS
        return wait

    def _waiting(self) -> list[tuple[str, str]]:
        """Some that did not fail in this round."""
        waiting = self._context.state.waiting_backfill(_EVENTS + len(self._failed))
        return [each for each in waiting if each[0] not in self._failed][:_EVENTS]

    def _fail(self, number: str) -> None:
        """A group or an event: after the others."""
        self._failed.add(number)
        self._resumes = self._context.now() + _PAUSE_MS

    def _list(self) -> float | None:
        context, now = self._context, self._context.now()
        self._past = [job for job in self._past if context.state.follows(job.group.id)]
        if not self._past:
            fresh = [
                group
                for group in context.state.groups()
                if group.targets and group.swept and not group.backfilled and group.id not in self._failed
            ]
            self._past = [PastJob(group, now - context.options.backfill, now) for group in fresh[:_EVENTS]]
        if not self._past:
            return None
        ended, self._past, wait = run(context.api, self._past, Share.BACKFILL)
        for job in ended:
            if job.failed or not job.listing.ended:  # a list that broke off is no whole one
                self._fail(job.group.id)
                continue
            with context.state.commit(now) as commit:
                commit.backfill(
                    (str(node["id"]), job.group.id) for node in job.listing.nodes.values() if node.get("id")
                )
                group = context.state.group(job.group.id) or job.group
                commit.group(msgspec.structs.replace(group, backfilled=True))
        return wait

    def _read(self, waiting: list[tuple[str, str]]) -> float:
        context = self._context
        self._reads = [job for job in self._reads if context.state.follows(job.event.group_id)]
        for event_id, group_id in waiting:
            known = context.state.event_by_id(event_id)
            event = known or EventState(token=event_id, event_id=event_id, group_id=group_id)
            self._reads.append(_PastRead(context, event))
        ended, self._reads, wait = run(context.api, self._reads, Share.BACKFILL)
        for job in ended:
            now = context.now()
            with context.state.commit(now) as commit:
                commit_answers(context, commit, job, job.token, now)
                if not job.failed or job.null:
                    commit.backfilled(job.event.event_id)
            context.committed(commit, fresh=False)
            if job.failed and not job.null:
                self._fail(job.event.event_id)
        return wait


class _PastRead(ReadJob):
    """Of an event that no sweep may have shown: its token comes with its answers, and with it what is known of them."""

    def __init__(self, context: Context, event: EventState) -> None:
        super().__init__(context, event, context.state.rsvps_of(event.token), whole=True)
        self.token = event.token

    def _turn(self, page: Page) -> bool:
        token = identity_of(page.root) or self.event.token
        if token != self.token:
            self.token, self.known = token, self._context.state.rsvps_of(token)
        return super()._turn(page)

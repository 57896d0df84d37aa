"""Answers of past events, read with the points that nothing else needs; where it stopped, it goes on."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from meetup_gateway.observing.events import identity_of
from meetup_gateway.observing.pages import Listing, read_page
from meetup_gateway.observing.states import EventState, GroupState
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.jobs import run
from meetup_gateway.polling.reads import ReadJob, commit_answers
from meetup_gateway.polling.sweeps import iso
from meetup_gateway.source.api import Failed, Found
from meetup_gateway.source.budget import Share

_EVENTS: Final = 5
_PAGE: Final = 100


class PastJob:
    """The past events of one group."""

    shape = "past_events"

    def __init__(self, group: GroupState, begins: int, until: int) -> None:
        self.group = group
        self.listing = Listing()
        self.failed = False
        self._window = {"from": iso(begins), "until": iso(until)}

    def variables(self) -> Mapping[str, Any]:
        """Of the next page."""
        return {"id": self.group.id, **self._window, "first": _PAGE, "after": self.listing.after}

    def take(self, result: Found | Failed) -> bool:
        """One page."""
        if isinstance(result, Failed) or not isinstance(result.value, dict):
            self.failed = True
            return False
        return self.listing.add(read_page(result.value, ("events",), result.harmed))


class Backfill:
    """A little at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._past: list[PastJob] = []
        self._reads: list[ReadJob] = []
        self._failed: set[str] = set()

    def work(self) -> float | None:
        """Do a little; seconds to wait if the points are out, ``None`` if there is nothing to do."""
        context = self._context
        if not context.options.backfill:
            return None
        if self._reads or (waiting := context.state.waiting_backfill(_EVENTS)):
            return self._read([] if self._reads else waiting)
        return self._list()

    def _list(self) -> float | None:
        context, now = self._context, self._context.now()
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
            if job.failed:
                self._failed.add(job.group.id)  # until the next start
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
        for event_id, group_id in waiting:
            known = context.state.event_by_id(event_id)
            event = known or EventState(token=event_id, event_id=event_id, group_id=group_id)
            self._reads.append(_PastRead(context, event, context.state.rsvps_of(event.token), whole=True))
        ended, self._reads, wait = run(context.api, self._reads, Share.BACKFILL)
        for job in ended:
            now = context.now()
            with context.state.commit(now) as commit:
                token = job.token if isinstance(job, _PastRead) else job.event.token
                commit_answers(context, commit, job, token, now)
                commit.backfilled(job.event.event_id)
            context.committed(commit, fresh=False)
        return wait


class _PastRead(ReadJob):
    """Of an event that no sweep ever showed: its token comes with its answers."""

    token = ""

    def take(self, result: Found | Failed) -> bool:
        """One page."""
        self.token = self.token or self.event.token
        if isinstance(result, Found) and isinstance(result.value, dict):
            self.token = identity_of(result.value) or self.event.token
        return super().take(result)

"""Reads the answers of events: the newest until what is known, or the whole list."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from meetup_gateway.observing.answers import (
    OVERLAP_MS,
    Answer,
    AnswerChanges,
    changes_of_answers,
    knows,
    observe_answer,
    vanished,
)
from meetup_gateway.observing.changes import Version
from meetup_gateway.observing.pages import Listing, read_page
from meetup_gateway.observing.states import EventState, RsvpState
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.jobs import run
from meetup_gateway.scheduling.reads import read_due, reads_whole
from meetup_gateway.source.api import Failed, Found
from meetup_gateway.source.budget import Share
from meetup_gateway.storage.state import Commit
from meetup_gateway.translating.records import member_profile
from meetup_gateway.translating.values import Untranslatable, ms

Node = dict[str, Any]
_NEW: Final = 50
_WHOLE: Final = 200


class ReadJob:
    """The answers of one event, newest first."""

    shape = "event_rsvps"

    def __init__(self, context: Context, event: EventState, known: Mapping[int, RsvpState], *, whole: bool) -> None:
        self._context = context
        self.event = event
        self.known = known
        self.whole = whole
        self.gap = False
        self.failed = False
        self.null = False
        self.listing = Listing()
        self.answers: dict[int, Answer] = {}
        self.unread = 0
        self._overlap = False
        self._oldest: int | None = None

    def variables(self) -> Mapping[str, Any]:
        """Of the next page."""
        first = _WHOLE if self.whole else _NEW
        return {"id": self.event.event_id, "first": first, "after": self.listing.after}

    def take(self, result: Found | Failed) -> bool:
        """One page."""
        if isinstance(result, Failed) or not isinstance(result.value, dict):
            self.failed = True
            self.null = isinstance(result, Found)
            return False
        page = read_page(result.value, ("rsvps",), result.harmed)
        answers = self._observe(page.nodes, result.value)
        more = self.listing.add(page)
        if self.whole:
            return more
        return more and not self._met(answers)

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


class Reader:
    """Reads what is due; what ran out of points goes on at the next call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: list[ReadJob] = []

    def read(self, events: Sequence[EventState]) -> float:
        """Read these; seconds to wait if the points are out."""
        now, state = self._context.now(), self._context.state
        begun = {job.event.token for job in self._open}
        jobs = [
            *self._open,
            *(
                ReadJob(self._context, event, state.rsvps_of(event.token), whole=reads_whole(event, now))
                for event in events
                if event.token not in begun
            ),
        ]
        ended, self._open, wait = run(self._context.api, jobs, Share.LIVE)
        for job in ended:
            self._commit(job)
        return wait

    @property
    def busy(self) -> bool:
        """Whether a read has begun and not ended."""
        return bool(self._open)

    def _commit(self, job: ReadJob) -> None:
        context, now = self._context, self._context.now()
        event = context.state.event(job.event.token) or job.event
        with context.state.commit(now) as commit:
            changes = commit_answers(context, commit, job, event.token, now)
            after = _after(event, job, changes, now)
            commit.event(after, read_due(after, now))
        context.committed(commit, fresh=bool(event.read))
        context.metrics.gaps.inc(job.gap)


def commit_answers(context: Context, commit: Commit, job: ReadJob, token: str, now: int) -> AnswerChanges:
    """Versions, states and profiles that a read brought."""
    answers = [_under(answer, token) for answer in job.answers.values()]
    changes = changes_of_answers(job.known, answers, token, now)
    for version in changes.versions:
        commit.version(version)
    for number, (state, member) in changes.states.items():
        commit.rsvp(number, token, state, member)
    if job.listing.whole and not job.failed and not job.unread:
        _commit_vanished(context, commit, job, token, now)
    for answer in answers:
        _commit_member(commit, answer.member)
    context.metrics.unmoved.inc(changes.unmoved)
    context.metrics.stale.inc(changes.stale)
    return changes


def _commit_vanished(context: Context, commit: Commit, job: ReadJob, token: str, now: int) -> None:
    gone = vanished(job.known, frozenset(job.answers))
    for number, state in gone.items():
        last = commit.last_record("rsvps", str(number))
        member = (last or {}).get("member", {}).get("member_id")
        commit.rsvp_vanished(number, state)
        if context.options.vanished_as_no and last is not None and last.get("response") != "no":
            record = {name: value for name, value in last.items() if name != "mtime"} | {"response": "no"}
            commit.told_version(Version("rsvps", str(number), record, now, event=token, member=member))
    context.metrics.vanished.inc(len(gone))


def _commit_member(commit: Commit, node: Node) -> None:
    try:
        profile = member_profile(node).value
    except Untranslatable:
        return  # the RSVP names nobody, or somebody without a number
    commit.member(profile["id"], profile)


def _under(answer: Answer, token: str) -> Answer:
    """With the event's lasting id: a series takes new ones."""
    if answer.record is None or answer.record["event"]["event_id"] == token:
        return answer
    record = {**answer.record, "event": {**answer.record["event"], "event_id": token}}
    return Answer(answer.id, answer.updated, record, answer.fingerprint, answer.member)


def _after(event: EventState, job: ReadJob, changes: AnswerChanges, now: int) -> EventState:
    if job.failed or not job.listing.pages:
        return msgspec.structs.replace(event, failures=event.failures + 1)
    whole = job.whole and job.listing.whole
    ended = event.ends is not None and event.ends < now
    if (job.whole and not whole) or not _shows(job, job.event.signal):
        # Not whole, or from a replica that is behind: what came is kept, and it is read again.
        return msgspec.structs.replace(event, failures=event.failures + 1, read=now)
    return msgspec.structs.replace(
        event,
        failures=0,
        read=now,
        read_signal=job.event.signal,
        watermark=max(event.watermark, changes.newest),
        read_whole=now if whole else event.read_whole,
        final=whole and ended,
        over=event.over or (whole and ended),
    )


def _shows(job: ReadJob, signal: str) -> bool:
    """Whether the answer that the sweep called the newest is among those that were read."""
    parts = signal.split("|")
    if len(parts) < 5 or not parts[3].isdecimal():
        return True
    answer = job.answers.get(int(parts[3]))
    if answer is None:
        return job.unread > 0
    try:
        return answer.updated is None or answer.updated >= ms(parts[4])
    except Untranslatable:
        return True

"""Reads the RSVPs of events when they are due, and commits what they change."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from meetup_gateway.durations import DAY_MS
from meetup_gateway.observing.changes import Version, called_off
from meetup_gateway.observing.rsvps import Answer, AnswerChanges, changes_of_answers, vanished
from meetup_gateway.observing.states import EventState
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.jobs import run
from meetup_gateway.polling.rsvp_job import ReadJob
from meetup_gateway.scheduling.read_times import read_due, reads_whole
from meetup_gateway.source.budget import Share
from meetup_gateway.storage.state import Commit
from meetup_gateway.translating.records import member_profile
from meetup_gateway.translating.values import Untranslatable, ms, number_id

Node = dict[str, Any]
_SHOWN: Final = frozenset({"upcoming", "proposed"})
_GIVEN_UP_MS: Final = 7 * DAY_MS
"""After its end: an event that is null or broken for so long is not asked for every hour for ever."""


class Reader:
    """Reads what is due; what ran out of points goes on at the next call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: list[ReadJob] = []

    def read(self, events: Sequence[EventState]) -> float:
        """Read these, as far as their groups are followed; seconds to wait if the points are out."""
        now, state = self._context.now(), self._context.state
        self._open = [job for job in self._open if state.follows(job.event.group_id)]
        if idle := [event for event in events if not state.follows(event.group_id)]:
            with state.commit(now) as commit:
                for event in idle:
                    commit.event(event, None)
        begun = {job.event.token for job in self._open}
        jobs = [
            *self._open,
            *(
                ReadJob(self._context, event, state.rsvps_of(event.token), whole=reads_whole(event, now))
                for event in events
                if event.token not in begun and event not in idle
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
            after = _after(_called_off(commit, event, job, now), job, changes, now)
            commit.event(after, read_due(after, now))
        context.committed(commit, fresh=bool(event.read))
        context.metrics.gaps.inc(job.gap)


def _called_off(commit: Commit, event: EventState, job: ReadJob, now: int) -> EventState:
    """A network's list leaves out what was called off, and shortly before its start nobody asks for it by id."""
    last = commit.last_record("open_events", event.token)
    if not job.called_off or event.status not in _SHOWN or last is None:
        return event
    version, after = called_off(event, last, now)
    commit.version(version)
    return after


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
    whole = job.whole and job.listing.whole
    ended = event.ends is not None and event.ends < now
    if job.failed or (job.whole and not whole) or job.listing.harmed or not _shows(job, job.event.signal):
        # Not answered, not whole, or from a replica that is behind: what came is kept, and it is read again.
        over = event.over or (event.ends is not None and now - event.ends > _GIVEN_UP_MS)
        read = event.read if job.failed else now
        return msgspec.structs.replace(event, failures=event.failures + 1, tried=now, read=read, over=over)
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
    try:
        answer = job.answers.get(number_id(parts[3] if len(parts) == 5 else None))
    except Untranslatable:
        return True
    if answer is None:
        return job.unread > 0
    try:
        return answer.updated is None or answer.updated >= ms(parts[4])
    except Untranslatable:
        return True

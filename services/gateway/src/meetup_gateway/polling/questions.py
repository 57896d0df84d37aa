"""Asks by id for what was not shown: events that may be deleted, groups that were null."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from meetup_gateway.observing.changes import CALLED_OFF, changes_of_events, deleted
from meetup_gateway.observing.events import observe_event
from meetup_gateway.observing.states import EventState, GroupState
from meetup_gateway.observing.suspicions import controls
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.group_profiles import commit_profile
from meetup_gateway.scheduling.read_times import read_due
from meetup_gateway.source.api import Failed, Found, Result, Waiting
from meetup_gateway.source.budget import Share
from meetup_gateway.translating.values import Untranslatable

_AT_ONCE: Final = 8
"""Few: the control that is asked beside them must be in the same moment's answer, so they are one request."""


class Questions:
    """One question at a time for a handful of suspects."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def ask_events(self, suspects: dict[str, EventState]) -> float:
        """Ask for some of these; those that are answered leave ``suspects``. Seconds to wait if the points are out."""
        control = self._control(suspects)
        some = _that_fit(suspects.values(), self._context.api.batch_size(Share.LIVE) - (control is not None))
        ids = [name for state in some for name in _names(state)] + ([control.event_id] if control else [])
        answers = self._context.api.ask_together("event", [{"id": name} for name in ids], Share.LIVE)
        if wait := max((each.seconds for each in answers if isinstance(each, Waiting)), default=0.0):
            return wait
        by_id: dict[str, Result] = dict(zip(ids, answers, strict=True))
        trusted = control is None or _value(by_id[control.event_id]) is not None
        for state in some:
            suspects.pop(state.token, None)
            self._judge(state, [by_id[name] for name in _names(state)], trusted=trusted)
        return 0.0

    def ask_groups(self, nulls: dict[str, GroupState]) -> float:
        """Ask for groups that were null, without their events: some answered so when they had none."""
        some = list(nulls.values())[:_AT_ONCE]
        answers = self._context.api.ask("group", [{"id": state.id} for state in some], Share.LIVE)
        for state, answer in zip(some, answers, strict=True):
            if isinstance(answer, Waiting):
                return answer.seconds
            nulls.pop(state.id, None)
            self._judge_group(state, answer)
        return 0.0

    def _control(self, suspects: Mapping[str, EventState]) -> EventState | None:
        for state in suspects.values():
            if found := controls(list(self._context.state.events_of(state.group_id).values()), suspects):
                return found
        return self._context.state.any_upcoming(self._context.now(), frozenset(suspects))

    def _judge(self, state: EventState, answers: Sequence[Result], *, trusted: bool) -> None:
        found = next((value for answer in answers if (value := _value(answer)) is not None), None)
        if found is not None:
            self._found(state, found)
        elif any(isinstance(answer, Failed) for answer in answers) or not trusted:
            self._context.metrics.tombstones.labels("unanswered").inc()
        else:
            self._delete(state)

    def _found(self, state: EventState, node: dict[str, Any]) -> None:
        """It is there: called off, moved, or left out of a list."""
        context, now = self._context, self._context.now()
        group = node.get("group")
        try:
            observed = observe_event(node, group if isinstance(group, dict) else {"id": state.group_id})
        except Untranslatable as error:
            context.quarantine("event", str(error))
            return
        with context.state.commit(now) as commit:
            changes = changes_of_events(
                {state.token: state},
                [observed],
                now,
                count_every=context.options.count_every,
                last_record=lambda token: commit.last_record("open_events", token),
                whole=False,
                unread=context.unread(),
            )
            for version in changes.versions:
                commit.version(version)
            for after in changes.events:
                commit.event(after, read_due(after, now))
        context.committed(commit, fresh=False)
        context.metrics.tombstones.labels("canceled" if observed.status == CALLED_OFF else "found").inc()

    def _delete(self, state: EventState) -> None:
        context, now = self._context, self._context.now()
        if state.starts is None or state.starts <= now:
            return  # it began while it was waiting to be asked for: finished, not deleted
        with context.state.commit(now) as commit:
            last = commit.last_record("open_events", state.token)
            if last is None:
                return
            version, after = deleted(state, last, now)
            commit.version(version)
            commit.event(after, None)
        context.committed(commit, fresh=False)
        context.metrics.tombstones.labels("deleted").inc()

    def _judge_group(self, state: GroupState, answer: Result) -> None:
        context, now = self._context, self._context.now()
        node = _value(answer)
        with context.state.commit(now) as commit:
            if node is None:
                gone = isinstance(answer, Found)
                after = msgspec.structs.replace(
                    state,
                    tried=now,
                    gone=state.gone or gone,
                    failures=state.failures + 1,
                )
            else:
                commit_profile(context, commit, node, now)
                # It is there, and its list was null: nothing is concluded from that.
                after = msgspec.structs.replace(state, tried=now, swept=now, gone=False, failures=0)
            commit.group(after)
        context.committed(commit, fresh=False)


def _names(state: EventState) -> list[str]:
    """The id of its page, and the lasting one, if that is another."""
    return [state.event_id] if state.event_id == state.token else [state.event_id, state.token]


def _that_fit(suspects: Iterable[EventState], roots: int) -> list[EventState]:
    """As many as have no more names than ``roots`` together, and one at least."""
    some = list(islice(suspects, _AT_ONCE))
    while len(some) > 1 and sum(len(_names(state)) for state in some) > roots:
        some.pop()
    return some


def _value(answer: Result) -> dict[str, Any] | None:
    return answer.value if isinstance(answer, Found) and isinstance(answer.value, dict) else None

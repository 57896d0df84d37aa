"""What a list of an event's RSVPs changes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from meetup_gateway.observing.changes import STALE_MS, Version
from meetup_gateway.observing.fingerprints import fingerprint
from meetup_gateway.observing.states import RsvpState
from meetup_gateway.translating.records import rsvp_record
from meetup_gateway.translating.rows import Lost
from meetup_gateway.translating.tables import NO_ANSWERS, RESPONSES
from meetup_gateway.translating.values import Untranslatable, ms, number_id

Node = dict[str, Any]
OVERLAP_MS: Final = 10 * 60_000
"""Ties, and answers that Meetup wrote late: read so far behind the newest that is known."""
_SILENT: Final = "waitlist"


@dataclass(frozen=True, slots=True)
class Answer:
    """One RSVP now. ``record`` is ``None`` for an answer that nobody is told of."""

    id: int
    updated: int | None
    record: dict[str, Any] | None
    fingerprint: bytes
    member: Node
    lost: tuple[Lost, ...] = ()


@dataclass(slots=True)
class AnswerChanges:
    """What is to be committed at once."""

    versions: list[Version] = field(default_factory=list)
    states: dict[int, tuple[RsvpState, int | None]] = field(default_factory=dict)
    """By RSVP: its state and its member."""
    unmoved: int = 0
    stale: int = 0
    newest: int = 0


def observe_answer(node: Node, event: Node, group: Node, *, waitlist: bool) -> Answer:
    """What a node says; raises ``Untranslatable`` for one without an id, or with a status that is not known."""
    number = number_id(node.get("id"))
    status = str(node.get("status"))
    if status not in RESPONSES and status not in NO_ANSWERS:
        raise Untranslatable("an answer that is not known")
    told = status in RESPONSES and (waitlist or RESPONSES[status] != _SILENT)
    translation = rsvp_record(node, event, group) if told else None
    record = translation.value if translation else None
    member = node.get("member")
    said = {"response": record.get("response"), "guests": record.get("guests")} if record else {"response": None}
    return Answer(
        id=number,
        updated=_updated(node.get("updated")),
        record=record,
        fingerprint=fingerprint(said),
        member=member if isinstance(member, dict) else {},
        lost=translation.lost if translation else (),
    )


def knows(known: Mapping[int, RsvpState], answer: Answer) -> bool:
    """Whether this answer was read before as it is: then nothing lies between it and what is known."""
    state = known.get(answer.id)
    return state is not None and state.updated == (answer.updated or 0)


def changes_of_answers(
    known: Mapping[int, RsvpState], answers: Sequence[Answer], token: str, now: int
) -> AnswerChanges:
    """Versions in the order in which they were given."""
    changes = AnswerChanges()
    for answer in sorted(answers, key=lambda each: (each.updated or 0, each.id)):
        changes.newest = max(changes.newest, answer.updated or 0)
        _compare(known.get(answer.id), answer, token, now, changes)
    return changes


def _compare(state: RsvpState | None, answer: Answer, token: str, now: int, changes: AnswerChanges) -> None:
    member = _member_id(answer.member)
    updated = answer.updated or 0
    if state is not None and updated < state.updated:
        changes.stale += 1
        return
    same = state is not None and answer.fingerprint == state.fingerprint
    if state is not None and same and updated == state.updated:
        changes.states[answer.id] = (msgspec.structs.replace(state, seen=now, vanished=False), member)
        return
    unmoved = state is not None and updated == state.updated
    if state is not None and unmoved and answer.fingerprint == state.before and now - state.before_seen < STALE_MS:
        changes.stale += 1
        return
    changes.unmoved += unmoved and answer.record is not None
    mtime = now if unmoved or answer.updated is None else answer.updated
    if answer.record is not None:
        changes.versions.append(
            Version("rsvps", str(answer.id), answer.record, mtime, event=token, member=member, updated=answer.updated)
        )
    changes.states[answer.id] = (_next(state, answer, updated, now), member)


def _next(state: RsvpState | None, answer: Answer, updated: int, now: int) -> RsvpState:
    return RsvpState(
        updated=updated,
        fingerprint=answer.fingerprint,
        before=state.fingerprint if state else b"",
        before_seen=state.seen if state else 0,
        seen=now,
    )


def vanished(known: Mapping[int, RsvpState], shown: frozenset[int]) -> dict[int, RsvpState]:
    """RSVPs that a whole list does not show any more: kept in the ledger, and not made up as a "no"."""
    return {
        number: msgspec.structs.replace(state, vanished=True)
        for number, state in known.items()
        if number not in shown and not state.vanished
    }


def _updated(value: Any) -> int | None:
    try:
        return ms(value)
    except Untranslatable:
        return None


def _member_id(member: Node) -> int | None:
    try:
        return number_id(member.get("id"))
    except Untranslatable:
        return None

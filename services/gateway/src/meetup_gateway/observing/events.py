"""An event as a sweep shows it: translated, with what tells that its answers moved. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meetup_gateway.durations import HOUR_MS
from meetup_gateway.observing.fingerprints import fingerprint
from meetup_gateway.translating.records import event_record
from meetup_gateway.translating.rows import Lost, at
from meetup_gateway.translating.tables import EVENT_STATUSES, SILENT_STATUSES
from meetup_gateway.translating.values import Untranslatable, duration_ms, ms, text_id
from meetup_gateway.translating.venues import physical_venues

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Observed:
    """One event now. ``record`` is ``None`` for a status that nobody is told of."""

    token: str
    event_id: str
    group_id: str
    title: str
    starts: int | None
    ends: int | None
    status: str
    silent: bool
    record: dict[str, Any] | None
    fingerprint: bytes
    created: int | None
    signal: str
    venues: tuple[Node, ...] = ()
    photo: Node | None = None
    lost: tuple[Lost, ...] = ()


def observe_event(node: Node, group: Node) -> Observed:
    """What a node says; raises ``Untranslatable`` for one without an id, or with a status that is not known."""
    event_id = text_id(node.get("id"))
    token = text_id(node["token"]) if node.get("token") else event_id
    status = str(node.get("status"))
    if status not in EVENT_STATUSES and status not in SILENT_STATUSES:
        raise Untranslatable("a status that is not known")
    translation = event_record(node, group) if status in EVENT_STATUSES else None
    starts = _optional(ms, node.get("dateTime"))
    photo = node.get("featuredEventPhoto")
    return Observed(
        token=token,
        event_id=event_id,
        group_id=str(group.get("id")),
        title=str(node.get("title") or ""),
        starts=starts,
        ends=_ends(node, starts),
        status=EVENT_STATUSES.get(status, ""),
        silent=translation is None,
        record=translation.value if translation else None,
        fingerprint=fingerprint(translation.value) if translation else b"",
        created=_optional(ms, node.get("createdTime")),
        signal=signal_of(node),
        venues=tuple(physical_venues(node)),
        photo=photo if isinstance(photo, dict) else None,
        lost=translation.lost if translation else (),
    )


def identity_of(node: Mapping[str, Any]) -> str | None:
    """The token of a node of which nothing else may be readable."""
    for name in ("token", "id"):
        try:
            return text_id(node.get(name))
        except Untranslatable:
            continue
    return None


def signal_of(node: Node) -> str:
    """Counts, and which answer is the newest: it moves when an answer did."""
    counts = at(node, "rsvps")
    if not isinstance(counts, dict):
        return ""
    edges = counts.get("edges")
    newest = edges[0].get("node") if isinstance(edges, list) and edges and isinstance(edges[0], dict) else None
    shown = newest if isinstance(newest, dict) else {}
    parts = [
        counts.get("yesCount"),
        counts.get("noCount"),
        counts.get("waitlistCount"),
        shown.get("id"),
        shown.get("updated"),
    ]
    return "|".join("" if part is None else str(part) for part in parts)


def _ends(node: Node, starts: int | None) -> int | None:
    if starts is None:
        return None
    ends = _optional(ms, node.get("endTime"))
    if ends is not None and ends >= starts:
        return ends
    return starts + (_optional(duration_ms, node.get("duration")) or 2 * HOUR_MS)  # Meetup's own default is two hours


def _optional(convert: Any, value: Any) -> int | None:
    try:
        found: int = convert(value)
    except Untranslatable:
        return None
    return found

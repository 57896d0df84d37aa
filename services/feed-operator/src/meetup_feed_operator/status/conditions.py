"""From what was observed to a feed's status: conditions and figures. No I/O.

The conditions follow the Kubernetes API conventions: each says True, False or Unknown, a reason for machines and a
message for people; ``lastTransitionTime`` moves only when the status does. The README's table explains them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from meetupkit.foreign_text import printable

from meetup_feed_operator.kubernetes.times import rfc3339
from meetup_feed_operator.resources.meetupfeed import Manifest
from meetup_feed_operator.status.diagnosis import diagnose
from meetup_feed_operator.status.metrics_page import Ledger, Scrape, all_rejected

_MESSAGE_CHARS: Final = 1024
"""Far below the 32,768 the API conventions allow: a sentence."""
_MIN_RATE_SECONDS: Final = 0.5
"""Two scrapes closer than this (after a burst of events) say nothing of a rate."""
FIGURES_SECONDS: Final = 30.0
"""Figures that move a little are written this often: each write goes to etcd, and there are hundreds of feeds."""
_RATE_SHARE, _RATE_STEP = 0.2, 10
"""A rate that has changed by more than a fifth, and by more than a few records, is written at once."""
_REASON: Final = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
"""What the API server takes for a reason; it comes from kubelets and controllers too."""


_TOO_LATE: Final = "ProgressDeadlineExceeded"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a feed cannot be carried out as it is written."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observation:
    """All that a feed's status is derived from.

    ``pods`` are newest first; ``earlier`` is the oldest scrape of the last minute; ``now``: seconds since the epoch.
    """

    generation: int
    paused: bool
    objects: str | None
    problem: Problem | None
    deployment: Manifest | None
    pods: list[Manifest]
    scrape: Scrape | None
    earlier: Scrape | None
    previous: Mapping[str, Any]
    now: float


@dataclass(frozen=True, slots=True)
class _State:
    status: str
    reason: str
    message: str


def derive(seen: Observation) -> dict[str, Any]:
    """The whole ``status`` of the feed."""
    degraded = _degraded(seen)
    progressing = _progressing(seen, degraded)
    streaming = _streaming(seen, degraded)
    states = {
        "Ready": _ready(seen, degraded, progressing, streaming),
        "Streaming": streaming,
        "Progressing": progressing,
        "Degraded": degraded,
    }
    status: dict[str, Any] = {
        "observedGeneration": seen.generation,
        "conditions": [_condition(kind, state, seen) for kind, state in states.items()],
        **_figures(seen),
    }
    if seen.objects:
        status["objects"] = seen.objects
    return status


def condition_of(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of this type; empty if there is none yet."""
    return next((c for c in status.get("conditions") or [] if c.get("type") == kind), {})


def worth_writing(previous: Mapping[str, Any], status: Mapping[str, Any], *, fresh: bool, seconds: float) -> bool:
    """Whether the status is to be written; ``seconds`` have passed since it was last written.

    Figures and messages are written only when they were just read: else two operators, each with a scrape of its own,
    would answer each other's writes for ever.
    """
    if _outline(previous) != _outline(status):
        return True
    if not fresh or dict(previous) == dict(status):
        return False
    return seconds >= FIGURES_SECONDS or _says_something_new(previous, status)


def _outline(status: Mapping[str, Any]) -> object:
    conditions = [(c.get("type"), c.get("status"), c.get("reason")) for c in status.get("conditions") or []]
    return status.get("observedGeneration"), status.get("objects"), sorted(conditions)


def _says_something_new(previous: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    return _telling(previous) != _telling(status) or _differ(
        previous.get("recordsPerMinute"), status.get("recordsPerMinute")
    )


def _telling(status: Mapping[str, Any]) -> object:
    """What is to be seen at once when it changes, unlike a clock that goes on."""
    ledger = status.get("ledger") or {}
    messages = [(c.get("type"), c.get("message")) for c in status.get("conditions") or []]
    figures = [name in status for name in ("lastRecordTime", "cursor")]
    ledgers = [ledger.get(name) for name in ("since", "gaps", "lastGap")]
    return sorted(messages), figures, ledgers, status.get("rejected")


def _differ(before: int | None, after: int | None) -> bool:
    if before is None or after is None or not before or not after:
        return before != after
    return abs(after - before) > max(_RATE_STEP, _RATE_SHARE * before)


def _degraded(seen: Observation) -> _State:
    if seen.problem:
        return _State("True", seen.problem.reason, seen.problem.message)
    found = diagnose(seen.deployment, seen.pods)
    explained = seen.scrape is not None and _answers(seen) and not seen.scrape.is_good
    if found and not (found[0] == _TOO_LATE and explained):  # what the pod says itself tells more
        return _State("True", *found)
    if lines := _all_rejected(seen):
        return _State("True", "AllRejected", _rejected_sentence(lines))
    return _State("False", "AsExpected", "No operator action is required.")


def _answers(seen: Observation) -> bool:
    return seen.scrape is not None and not seen.scrape.unreadable


def _all_rejected(seen: Observation) -> int | None:
    if seen.paused or seen.scrape is None or seen.scrape.unreadable:
        return None
    earlier = seen.earlier if seen.earlier and seen.earlier.pod_uid == seen.scrape.pod_uid else None
    return all_rejected(earlier, seen.scrape)


def _rejected_sentence(lines: int) -> str:
    return (
        f"All {lines} lines that came were rejected, so nothing is stored: the feed's row does not fit the stream."
        " The lines lie under _rejected/ with the reason."
    )


def _progressing(seen: Observation, degraded: _State) -> _State:
    if seen.problem:
        return _State("False", degraded.reason, "Nothing is rolled out until this is resolved.")
    if seen.deployment is None:
        return _State("True", "Creating", "The Deployment is not there yet.")
    status = seen.deployment.get("status", {})
    if status.get("observedGeneration", 0) < seen.deployment["metadata"].get("generation", 0):
        return _State("True", "RollingOut", "The Deployment controller has not seen the latest change yet.")
    if seen.paused:
        left = status.get("replicas", 0)
        if left:
            return _State("True", "Stopping", f"{left} pod is still flushing.")
        return _State("False", "Paused", "No pod runs; the cursor stays in the bucket.")
    if status.get("updatedReplicas") and (status.get("availableReplicas") or _answers(seen)):
        return _State("False", "Complete", "The latest spec is rolled out.")
    if degraded.status == "True":
        return _State("False", degraded.reason, "The roll-out does not move.")
    return _State("True", "RollingOut", "The pod is starting or not ready yet.")


def _streaming(seen: Observation, degraded: _State) -> _State:
    if seen.paused:
        return _State("False", "Paused", "The feed is paused.")
    if seen.problem and not seen.pods:
        return _State("False", degraded.reason, seen.problem.message)
    scrape = seen.scrape
    if scrape is None:
        return _State("False", "NoPod", "No pod runs.")
    if scrape.unreadable:
        return _State("Unknown", "Unreadable", scrape.unreadable)
    if scrape.connected is None:
        return _State("Unknown", "Unreadable", "the pod does not say whether its stream is connected")
    if scrape.connected is False:
        return _State("False", "Disconnected", scrape.not_ready or "The stream is not connected.")
    if scrape.not_ready:
        return _State("False", "NotReady", scrape.not_ready)
    if lines := _all_rejected(seen):
        return _State("False", "AllRejected", _rejected_sentence(lines))
    return _State("True", "Connected", "Records are read from the stream.")


def _ready(seen: Observation, degraded: _State, progressing: _State, streaming: _State) -> _State:
    if seen.problem:
        return _State("False", degraded.reason, seen.problem.message)
    if seen.paused:
        return _State("False", "Paused", "The feed is paused by its spec.")
    if degraded.status == "True":
        return _State("False", degraded.reason, degraded.message)
    if progressing.status == "True":
        return _State("False", progressing.reason, progressing.message)
    if streaming.status == "False":
        return _State("False", streaming.reason, streaming.message)
    if streaming.status == "Unknown":
        return _State("True", "Available", "The pod is ready by its probe; its pages cannot be read from here.")
    return _State("True", "Streaming", "The latest spec runs, and records are read.")


def _condition(kind: str, state: _State, seen: Observation) -> dict[str, Any]:
    before = condition_of(seen.previous, kind)
    same = before.get("status") == state.status and before.get("lastTransitionTime")
    return {
        "type": kind,
        "status": state.status,
        "reason": state.reason if _REASON.fullmatch(state.reason) else "Unknown",
        "message": printable(state.message, _MESSAGE_CHARS),
        "observedGeneration": seen.generation,
        "lastTransitionTime": before["lastTransitionTime"] if same else rfc3339(seen.now),
    }


def _figures(seen: Observation) -> dict[str, Any]:
    """What the pod says; what it does not say stays as it was, but for the rate, which is of now or of nothing."""
    kept = ("lastRecordTime", "cursor", "rejected", "ledger")
    figures = {name: seen.previous[name] for name in kept if name in seen.previous}
    scrape = seen.scrape
    if seen.paused:
        return {**figures, "recordsPerMinute": 0}
    if scrape is None or scrape.unreadable:
        return figures
    if scrape.last_record is not None:
        figures["lastRecordTime"] = rfc3339(scrape.last_record)
    if scrape.cursor is not None:
        figures["cursor"] = rfc3339(scrape.cursor)
    if scrape.rejected is not None:
        figures["rejected"] = int(scrape.rejected)
    if scrape.ledger is not None:
        figures["ledger"] = _ledger(scrape.ledger, seen.previous.get("ledger", {}))
    rate = _per_minute(seen.earlier, scrape)
    if rate is not None:
        figures["recordsPerMinute"] = rate
    elif "recordsPerMinute" in seen.previous:
        figures["recordsPerMinute"] = seen.previous["recordsPerMinute"]
    return figures


def _ledger(ledger: Ledger, previous: Mapping[str, Any]) -> dict[str, Any]:
    """The day's figures; the last gap stays when its day is over, until there is another."""
    shown: dict[str, Any] = {
        "since": rfc3339(ledger.since),
        "connects": sum(ledger.connections.values()),
        "gaps": ledger.connections.get("gap", 0),
        "overlaps": ledger.connections.get("overlap", 0),
        **{name: ledger.lines.get(name, 0) for name in ("received", "stored", "duplicate", "rejected")},
    }
    if ledger.last_gap:
        shown["lastGap"] = {"from": rfc3339(ledger.last_gap[0]), "to": rfc3339(ledger.last_gap[1])}
    elif "lastGap" in previous:
        shown["lastGap"] = previous["lastGap"]
    return shown


def _per_minute(earlier: Scrape | None, later: Scrape) -> int | None:
    """Whole records per minute between two scrapes of one pod; ``None`` if its counter says nothing of it."""
    if earlier is None or earlier.pod_uid != later.pod_uid or earlier.stored is None or later.stored is None:
        return None
    seconds = later.at - earlier.at
    if seconds < _MIN_RATE_SECONDS or later.stored < earlier.stored:
        return None
    return round((later.stored - earlier.stored) * 60 / seconds)

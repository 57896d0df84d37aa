"""What is to be sent to Slack, whichever source it came from. No I/O.

Both sources are read into an ``Alert``; everything behind them (routes, deduplication, outbox, blocks) knows only it.
Every text is bounded here, once, so that an alert kept in the outbox fits any document store.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter

MAX_FINDINGS: Final = 20
"""Alerts of one group that are shown; the rest is counted. Twenty fill a screen, and a person reads five."""
MAX_SUMMARY: Final = 300
MAX_DETAIL: Final = 1500
"""Characters. Twenty details of this length and their summaries stay below Firestore's 1 MiB by a factor of ten."""
MAX_LABELS: Final = 64
MAX_LABEL: Final = 256
"""Characters of a label's value. Kubernetes allows 63; alert rules add some of their own."""


class Source(StrEnum):
    """Who told us. A bounded set, because it is a metric's label."""

    ALERTMANAGER = "alertmanager"
    LOG_EXPORT = "log_export"
    HEARTBEAT = "heartbeat"
    """This service itself, about the monitoring that watches everything else."""


class Status(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """How bad, in the words of alert rules; in descending order."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)


_SEVERITY_WORDS: Final[Mapping[str, Severity]] = {
    # Cloud Logging's LogSeverity, and the words found in published alert rules.
    **dict.fromkeys(("critical", "emergency", "alert", "page", "fatal", "crit", "emerg", "panic"), Severity.CRITICAL),
    **dict.fromkeys(("disaster", "p0", "p1", "sev0", "sev1"), Severity.CRITICAL),
    **dict.fromkeys(("error", "err", "high", "major", "severe", "p2", "sev2"), Severity.ERROR),
    **dict.fromkeys(("warning", "warn", "minor", "ticket", "p3", "sev3"), Severity.WARNING),
    **dict.fromkeys(
        ("info", "notice", "debug", "default", "none", "low", "information", "informational"), Severity.INFO
    ),
    **dict.fromkeys(("trace", "p4", "p5", "sev4", "sev5"), Severity.INFO),
}
_NUMBERS: Final = ((600.0, Severity.CRITICAL), (500.0, Severity.ERROR), (400.0, Severity.WARNING))
"""LogSeverity as a number, and from which on it is what."""
_LEAST_NUMBER: Final = 100.0
"""Smaller numbers are other scales' (syslog, pino), which run both ways; 0 is ``DEFAULT``."""


def severity_of(word: str) -> Severity:
    """The severity a label or a log entry names; a word nobody knows is a warning, never less."""
    name = word[:40].strip().lower().removeprefix("severity_")
    try:
        number = float(name)
    except ValueError:
        return _SEVERITY_WORDS.get(name, Severity.WARNING)
    if 0 < number < _LEAST_NUMBER or number != number:
        return Severity.WARNING
    return next((severity for least, severity in _NUMBERS if number >= least), Severity.INFO)


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One alert of a group, or one log line. Times are RFC 3339 text, empty when unknown."""

    summary: str
    status: Status = Status.FIRING
    detail: str = ""
    where: tuple[tuple[str, str], ...] = ()
    """Label and value of what is concerned: ``("feed", "rsvps"), ("pod", "stream-rsvps-0")``."""
    since: str = ""
    until: str = ""
    links: tuple[Link, ...] = ()
    code: bool = False
    """The detail is a program's output, to be shown in a fixed-width font."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One notification: a group of Alertmanager's, or one log entry.

    ``key`` is the same for equal content, from whichever replica or redelivery. ``incident`` is the same from the
    firing to its resolve, and empty where nothing resolves. ``kind`` is the same for more of the same, and empty
    where the source has grouped already. ``omitted`` counts findings that are not in ``findings``.
    """

    source: Source
    key: str
    status: Status
    severity: Severity
    title: str
    findings: tuple[Finding, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    incident: str = ""
    kind: str = ""
    omitted: int = 0
    links: tuple[Link, ...] = ()

    @property
    def size(self) -> int:
        """How many alerts this stands for."""
        return len(self.findings) + self.omitted


_ALERT: Final = TypeAdapter(Alert)


def to_json(alert: Alert) -> str:
    """The alert as text, for the outbox."""
    return _ALERT.dump_json(alert).decode()


def from_json(text: str) -> Alert:
    """The alert ``to_json`` wrote; raises ``ValueError`` for anything else."""
    return _ALERT.validate_json(text)


def digest(*parts: str) -> str:
    """A name for content: 160 bits of SHA-256 over the parts, each with its length so that none runs into the next."""
    hashed = hashlib.sha256()
    for part in parts:
        octets = part.encode("utf-8", "surrogatepass")
        hashed.update(b"%d:" % len(octets) + octets)
    return hashed.hexdigest()[:40]


def bounded(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """At most ``MAX_LABELS`` labels with values of at most ``MAX_LABEL`` characters."""
    return {name[:MAX_LABEL]: value[:MAX_LABEL] for name, value in sorted(labels)[:MAX_LABELS]}

"""What a digest holds: a storm, folded to as many lines as a person reads. No I/O.

However many alerts are folded in, a digest stays a few kilobytes; what it does not name it counts.
"""

from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter

from meetup_alert_webhook.model import Alert, Severity, Status

MAX_LINES: Final = 20
"""Kinds named in a digest, a line each; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Line:
    """Alerts of one title and severity; ``sample`` is the text of the first."""

    title: str
    severity: Severity
    firing: int
    resolved: int
    sample: str
    where: str

    @property
    def total(self) -> int:
        return self.firing + self.resolved


@dataclass(frozen=True, slots=True)
class Digest:
    """Several alerts for one channel. ``only`` is the one it holds, while it holds one. Times are Unix seconds."""

    channel: str
    lines: tuple[Line, ...] = ()
    others: int = 0
    """Alerts of kinds that have no line."""
    notices: int = 0
    """Notifications folded in."""
    first_at: float = 0.0
    last_at: float = 0.0
    only: Alert | None = None

    @property
    def total(self) -> int:
        """How many alerts it stands for."""
        return sum(line.total for line in self.lines) + self.others

    @property
    def severity(self) -> Severity:
        return min((line.severity for line in self.lines), key=lambda severity: severity.rank, default=Severity.INFO)

    @property
    def status(self) -> Status:
        return Status.FIRING if self.others or any(line.firing for line in self.lines) else Status.RESOLVED

    def fold(self, alert: Alert, at: float) -> "Digest":
        """The digest with one alert more, which came at that time."""
        lines, others = _with(self.lines, self.others, alert)
        return Digest(
            channel=self.channel,
            lines=lines,
            others=others,
            notices=self.notices + 1,
            first_at=min(self.first_at, at) if self.notices else at,
            last_at=max(self.last_at, at),
            only=alert if self.notices == 0 else None,
        )

    def fold_unreadable(self, at: float) -> "Digest":
        """The digest with one alert more, of which only the time is known."""
        first_at = min(self.first_at, at) if self.notices else at
        return replace(
            self,
            others=self.others + 1,
            notices=self.notices + 1,
            first_at=first_at,
            last_at=max(self.last_at, at),
            only=None,
        )


def _with(lines: tuple[Line, ...], others: int, alert: Alert) -> tuple[tuple[Line, ...], int]:
    resolved = sum(finding.status is Status.RESOLVED for finding in alert.findings)
    firing = alert.size - resolved
    for at, line in enumerate(lines):
        if (line.title, line.severity) == (alert.title, alert.severity):
            more = replace(line, firing=line.firing + firing, resolved=line.resolved + resolved)
            return (*lines[:at], more, *lines[at + 1 :]), others
    first = alert.findings[0]
    where = " · ".join(f"{name} {value}" for name, value in first.where[:2])
    new = Line(alert.title, alert.severity, firing, resolved, first.summary, where)
    if len(lines) < MAX_LINES:
        return (*lines, new), others
    mildest = max(range(len(lines)), key=lambda index: lines[index].severity.rank)
    if lines[mildest].severity.rank <= new.severity.rank:
        return lines, others + alert.size
    return (*lines[:mildest], *lines[mildest + 1 :], new), others + lines[mildest].total  # the worse is named


_DIGEST: Final = TypeAdapter(Digest)


def to_json(digest: Digest) -> str:
    """The digest as text, for the document store."""
    return _DIGEST.dump_json(digest).decode()


def from_json(text: str) -> Digest:
    """The digest ``to_json`` wrote."""
    return _DIGEST.validate_json(text)

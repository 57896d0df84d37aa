"""A process in trouble becomes an alert, as Alertmanager would send it to the alert webhook.

The runner knows first what became of its children, so a feed stopped by hand is a message at once, with no monitoring
running. One alert a process: it fires when the trouble is first seen and is resolved when the process is ready again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from meetup_local_runner.board import Status

ALERT_NAME: Final = "MeetupProcessInTrouble"
_NOT_ENDED: Final = "0001-01-01T00:00:00Z"  # how Alertmanager writes a time that is not set


@dataclass(frozen=True, slots=True)
class Incident:
    """One trouble of one process; ``ended`` when it is over. The times are UTC."""

    process: str
    trouble: str
    began: datetime
    ended: datetime | None = None

    def notification(self) -> dict[str, Any]:
        """The body of Alertmanager's webhook, version 4."""
        status = "resolved" if self.ended else "firing"
        labels = {"alertname": ALERT_NAME, "severity": "critical", "service": self.process}
        alert = {
            "status": status,
            "labels": labels,
            "annotations": {"summary": f"{self.process}: {self.trouble}"},
            "startsAt": self.began.isoformat(),
            "endsAt": self.ended.isoformat() if self.ended else _NOT_ENDED,
        }
        return {
            "version": "4",
            "groupKey": f"meetup-local-runner/{self.process}",
            "status": status,
            "alerts": [alert],
            "groupLabels": {"service": self.process},
            "commonLabels": labels,
            "commonAnnotations": alert["annotations"],
        }


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Alerts:
    """What is wrong now and what the webhook has not taken yet."""

    clock: Callable[[], datetime] = _now
    _open: dict[str, Incident] = field(default_factory=dict)
    _unsent: list[Incident] = field(default_factory=list)

    def observe(self, statuses: Iterable[Status]) -> None:
        """Compare with what was wrong before."""
        for status in statuses:
            known = self._open.get(status.name)
            if status.trouble and known is None:
                self._open[status.name] = Incident(status.name, status.trouble, self.clock())
                self._unsent.append(self._open[status.name])
            elif known and not status.trouble:
                del self._open[status.name]
                self._unsent.append(Incident(known.process, known.trouble, known.began, self.clock()))

    def deliver(self, take: Callable[[dict[str, Any]], bool]) -> None:
        """Hand over in order, until one is not taken; that one is first the next time."""
        while self._unsent and take(self._unsent[0].notification()):
            del self._unsent[0]

"""What a stream pod's pages say. No I/O."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

_Samples = dict[str, list[tuple[dict[str, str], float]]]
"""Labels and value of each sample, by the name of its metric without the prefix."""
_PREFIX: Final = "meetup_stream_"
_YEAR_10000: Final = 253_402_300_800
"""A record's own time is whatever its server wrote; a status holds times up to here."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The figures of the stream's ledger, which count from ``since`` (the begin of the UTC day) over restarts.

    Times in seconds since the epoch; ``connections`` by verdict, ``lines`` by state, ``last_gap`` from and to.
    """

    since: float
    connections: dict[str, int]
    lines: dict[str, int]
    last_gap: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a stream pod's pages said at ``at`` (seconds since the epoch), or why they could not be read."""

    pod_uid: str
    at: float
    unreadable: str | None = None
    not_ready: str | None = None
    connected: bool | None = None
    stored: float | None = None
    rejected: float | None = None
    last_record: float | None = None
    cursor: float | None = None
    ledger: Ledger | None = None


def read_metrics(page: str, *, pod_uid: str, at: float, not_ready: str | None) -> Reading:
    """The figures on a stream's ``/metrics``; raises ``ValueError`` if the page is not Prometheus' text."""
    samples: _Samples = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name.startswith(_PREFIX) and isfinite(sample.value):
                samples.setdefault(sample.name.removeprefix(_PREFIX), []).append((sample.labels, sample.value))
    connected = _sum(samples, "connected")
    return Reading(
        pod_uid=pod_uid,
        at=at,
        not_ready=not_ready,
        connected=None if connected is None else connected > 0,
        stored=_sum(samples, "records_stored_total"),
        rejected=_sum(samples, "records_rejected_total"),
        last_record=_time(samples, "last_record_timestamp_seconds"),
        cursor=_time(samples, "cursor_timestamp_seconds"),
        ledger=_ledger(samples),
    )


def rfc3339(seconds: float) -> str:
    """A time as the API server writes it: whole seconds, in UTC."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ledger(samples: _Samples) -> Ledger | None:
    """``None`` while the stream has not read its day, and of a stream that keeps no ledger."""
    since = _time(samples, "ledger_since_timestamp_seconds")
    if since is None:
        return None
    ends = (_time(samples, "last_gap_from_timestamp_seconds"), _time(samples, "last_gap_to_timestamp_seconds"))
    return Ledger(
        since=since,
        connections=_by(samples, "ledger_connections", "verdict"),
        lines=_by(samples, "ledger_lines", "state"),
        last_gap=(ends[0], ends[1]) if ends[0] and ends[1] else None,
    )


def _sum(samples: _Samples, name: str) -> float | None:
    """Over all labels."""
    return sum(value for _, value in samples[name]) if name in samples else None


def _time(samples: _Samples, name: str) -> float | None:
    """``None`` for 0, which says that it has not happened, and for what no calendar has."""
    time = _sum(samples, name)
    return time if time and 0 < time < _YEAR_10000 else None


def _by(samples: _Samples, name: str, label: str) -> dict[str, int]:
    return {labels[label]: int(value) for labels, value in samples.get(name, []) if label in labels}

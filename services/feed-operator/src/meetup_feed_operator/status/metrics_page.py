"""What a stream pod's pages say. No I/O."""

from dataclasses import dataclass
from math import isfinite
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

_Samples = dict[str, list[tuple[dict[str, str], float]]]
"""Labels and value of each sample, by the name of its metric without the prefix."""
_PREFIX: Final = "meetup_stream_"
_LEAST_LINES: Final = 3
"""One line of rubbish at the start says nothing of the row."""
_LEAST_LINES_BETWEEN: Final = 10
"""Within a minute, of a stream that has stored records before."""
_LARGEST: Final = 2.0**53
"""Counters are whole numbers, and those beyond are no longer exact; a status holds 64 bits."""
_YEAR_10000: Final = 253_402_300_800
"""A record's own time is whatever its server wrote; a status holds times up to here."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The figures of the stream's ledger, which count from ``since`` (the start of the UTC day) over restarts.

    Times in seconds since the epoch; ``connections`` by verdict, ``lines`` by state, ``last_gap`` from and to.
    """

    since: float
    connections: dict[str, int]
    lines: dict[str, int]
    last_gap: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Scrape:
    """What a stream pod's endpoints answered at ``at`` (seconds since the epoch), or why they could not be read."""

    pod_uid: str
    at: float
    pod_version: str = ""
    unreadable: str | None = None
    not_ready: str | None = None
    connected: bool | None = None
    stored: float | None = None
    rejected: float | None = None
    duplicates: float | None = None
    last_record: float | None = None
    cursor: float | None = None
    ledger: Ledger | None = None

    @property
    def is_good(self) -> bool:
        """Whether the pod says that it reads its stream."""
        return not self.unreadable and not self.not_ready and self.connected is True


def read_metrics(page: str, *, pod_uid: str, at: float, not_ready: str | None) -> Scrape:
    """The figures on a stream's ``/metrics``; raises ``ValueError`` if the page is not Prometheus' text."""
    samples: _Samples = {}
    ours = "\n".join(line for line in page.split("\n") if line.startswith(_PREFIX))  # the rest is not worth its time
    if not ours:
        raise ValueError("the page holds no figure of a stream")
    try:
        for family in text_string_to_metric_families(ours + "\n"):
            for sample in family.samples:
                if isfinite(sample.value) and 0 <= sample.value <= _LARGEST:
                    samples.setdefault(sample.name.removeprefix(_PREFIX), []).append((sample.labels, sample.value))
    except (LookupError, TypeError, RecursionError, OverflowError) as error:  # the parser's own, for broken lines
        raise ValueError(f"the page is not Prometheus' text ({type(error).__name__})") from None
    connected = _sum(samples, "connected")
    return Scrape(
        pod_uid=pod_uid,
        at=at,
        not_ready=not_ready,
        connected=None if connected is None else connected > 0,
        stored=_sum(samples, "records_stored_total"),
        rejected=_sum(samples, "records_rejected_total"),
        duplicates=_sum(samples, "records_duplicate_total"),
        last_record=_time(samples, "last_record_timestamp_seconds"),
        cursor=_time(samples, "cursor_timestamp_seconds"),
        ledger=_ledger(samples),
    )


def all_rejected(earlier: Scrape | None, latest: Scrape) -> int | None:
    """How many lines came, if not one of them was a record: since the pod started, or since ``earlier``.

    A stream whose format changes, or whose row was never right, is connected and busy, and stores nothing.
    """
    for before, least in ((None, _LEAST_LINES), (earlier, _LEAST_LINES_BETWEEN)):
        rejected, good = _since(before, latest)
        if good == 0 and rejected >= least:
            return int(rejected)
    return None


def _since(before: Scrape | None, latest: Scrape) -> tuple[float, float]:
    """Lines rejected, and records stored or known, between two scrapes; of none of a pod's life, since its start."""
    rejected, good = latest.rejected or 0.0, (latest.stored or 0.0) + (latest.duplicates or 0.0)
    if before is not None:
        rejected -= before.rejected or 0.0
        good -= (before.stored or 0.0) + (before.duplicates or 0.0)
    return rejected, good


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
    return min(sum(value for _, value in samples[name]), _LARGEST) if name in samples else None


def _time(samples: _Samples, name: str) -> float | None:
    """``None`` for 0, which says that it has not happened, and for what no calendar has."""
    time = _sum(samples, name)
    return time if time and 0 < time < _YEAR_10000 else None


def _by(samples: _Samples, name: str, label: str) -> dict[str, int]:
    return {labels[label]: int(value) for labels, value in samples.get(name, []) if label in labels}

"""All that is shown at one moment, as plain values. Pure."""

from dataclasses import dataclass

from meetup_local_runner.figures import EnricherCounts, StreamCounts


@dataclass(frozen=True, slots=True)
class Status:
    """One process. ``trouble`` says in a few words what is wrong, ``None`` if nothing is; ``page`` is a URL."""

    name: str
    page: str | None
    trouble: str | None
    restarts: int


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One feed. ``per_second`` is ``None`` while the process tells no figures; ``counts`` are then its last.

    ``lag`` in seconds, infinite if longer than is measured, ``None`` if there is nothing to tell.
    """

    feed: str
    status: Status
    counts: StreamCounts
    per_second: float | None
    lag: float | None


@dataclass(frozen=True, slots=True)
class Board:
    """One moment of a run. ``seconds`` since all was ready; ``phase`` while something else than running goes on."""

    phase: str | None
    seconds: float
    feeds: tuple[FeedLine, ...]
    enricher: EnricherCounts
    queue: int
    others: tuple[Status, ...]
    silent: frozenset[str] = frozenset()
    """Feeds that the source cannot fill: today's API has no comments."""


def missing(board: Board) -> list[str]:
    """What a run must have brought and has not, a sentence each.

    A record or a profile that an earlier run had stored already counts: it is there, and this run has seen to it.
    """
    gaps = [
        f"{line.feed} stored no record"
        for line in board.feeds
        if line.feed not in board.silent and not line.counts.stored + line.counts.duplicate
    ]
    if not board.enricher.profiles + board.enricher.fresh:
        gaps.append("no profile arrived")
    return gaps

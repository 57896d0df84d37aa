"""A board as a run shows it, for tests of what it looks like."""

from meetup_local_runner.board import Board, FeedLine, Status
from meetup_local_runner.figures import EnricherCounts, StreamCounts


def board(counts: StreamCounts, *, trouble: str | None = None, restarts: int = 0, fresh: int = 0) -> Board:
    rsvps = Status("stream-rsvps", "http://127.0.0.1:40004/metrics", trouble, restarts)
    return Board(
        phase=None,
        seconds=3723,
        feeds=(FeedLine("rsvps", rsvps, counts, 12.34, 0.045),),
        enricher=EnricherCounts(profiles=567, missing=12, fresh=fresh, api_calls=9),
        queue=69,
        others=(Status("enricher", "http://127.0.0.1:38000/metrics", None, 0),),
    )

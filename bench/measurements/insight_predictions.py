"""How good insight's predictions are on the data of ``../shared/data/evaluation``, with intervals. Splits as published.

Nobody's settings: the model is chosen inside the data that come before the split.
"""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from meetup_insight.models.accuracy import DEPTH, Estimate, estimate, ndcgs
from meetup_insight.models.blend import EASE, Model, Parameters
from meetup_insight.models.evaluation import evaluate
from meetup_insight.models.forecast import forecast
from meetup_insight.models.interactions import Interaction, Interactions
from meetup_insight.models.predictor import rankings
from meetup_insight.models.selection import choose
from meetup_insight.models.splits import split

from bench.measurement import Row
from bench.records import FOLDER
from bench.workbench import Workbench

_CUT, _END = (datetime(2017, month, 1, tzinfo=UTC).timestamp() * 1000 for month in (7, 11))
_MONDAY = 345_600
_WEEK = 604_800
_ABSENT = "not measured: ../shared/data is absent"


def insight_predictions(_: Workbench) -> Iterable[Row]:
    """Topics, groups by time, a week's RSVPs. Deterministic, so once."""
    if not FOLDER.exists():
        yield Row("insight's predictions", "", _ABSENT, "")
        return
    yield _topics(FOLDER.parent / "derived" / "members_v2_from_v1.ndjson.gz")
    rows = list(_nashville(FOLDER.parent / "evaluation" / "nashville"))
    yield from _groups(rows)
    yield _weeks(rows)


def _topics(file: Path) -> Row:
    profiles = [json.loads(line) for line in gzip.decompress(file.read_bytes()).split(b"\n") if line]
    data = Interactions.of(
        Interaction(str(profile["id"]), topic["urlkey"]) for profile in profiles for topic in profile["topics"]
    )
    found = evaluate(data)
    return Row(
        f"topics of {found.members:,} members, a fifth of each hidden: NDCG@10",
        ".43",
        f"{_shown(found.ndcg['model'])}; EASE alone {_shown(found.ndcg['EASE'])}; "
        f"popularity {_shown(found.ndcg['popularity'])}",
        f"{found.judges:,} members have something to be found.",
    )


def _groups(rows: list[Interaction]) -> Iterator[Row]:
    data = Interactions.of(row for row in rows if (row.time or 0) < _CUT)
    held = _held(data, [row for row in rows if _CUT <= (row.time or 0) < _END])
    chosen = choose(split(data)).parameters
    models = {"model": chosen, "EASE": Parameters({EASE: 1.0}, penalty=chosen.penalty)}
    order = sorted(held)
    quality = {name: ndcgs(rankings(Model.fit(data, each), order, DEPTH), held) for name, each in models.items()}
    above = estimate(quality["model"] - quality["EASE"])
    yield Row(
        "groups of Nashville's members, July to October 2017 from what came before: NDCG@10",
        ".225, above EASE alone",
        f"{_shown(estimate(quality['model']))}; EASE alone {_shown(estimate(quality['EASE']))}; "
        f"above it by {_shown(above)}, member by member",
        f"{len(order):,} members joined a group that others had joined before.",
    )


def _held(data: Interactions, later: list[Interaction]) -> dict[int, frozenset[int]]:
    """Of known members, the known groups that are new to them."""
    row_of = {member: row for row, member in enumerate(data.members)}
    column_of = {item: column for column, item in enumerate(data.items)}
    held: dict[int, set[int]] = {}
    for each in later:
        row, column = row_of.get(each.member), column_of.get(each.item)
        if row is not None and column is not None and not data.matrix[row, column]:
            held.setdefault(row, set()).add(column)
    return {row: frozenset(columns) for row, columns in held.items()}


def _weeks(rows: list[Interaction]) -> Row:
    weeks = Counter(int(((row.time or 0) / 1000 - _MONDAY) // _WEEK) for row in rows)
    found = forecast([float(weeks[week]) for week in range(min(weeks) + 1, max(weeks))])
    what = "RSVPs of Nashville's next week, one week ahead: mean absolute error of the last weeks"
    if found is None:
        return Row(what, "under 8.5 %", "not measured: too few weeks", "")
    return Row(
        what,
        "under 8.5 %, or the mean of 4 weeks is shown",
        f"{found.error:.1%} over {found.weeks} weeks ({found.model}); mean of 4 weeks {found.naive_error:.1%}",
        "Weeks differ by holidays and by what the API kept.",
    )


def _nashville(folder: Path) -> Iterator[Interaction]:
    with gzip.open(folder / "events.csv.gz", "rt") as lines:
        events = {row["event_id"]: row for row in csv.DictReader(lines)}
    with gzip.open(folder / "rsvps.csv.gz", "rt") as lines:
        for row in csv.DictReader(lines):
            event = events[row["event_id"]]
            at = datetime.fromisoformat(event["time"]).replace(tzinfo=UTC).timestamp() * 1000
            yield Interaction(row["member_id"], event["group_urlname"], at)


def _shown(each: Estimate) -> str:
    return f"{each.mean:.3f} ({each.low:.3f} to {each.high:.3f})"

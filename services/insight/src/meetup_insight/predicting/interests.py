"""What is learned of members' interests: their topics and groups, with the card that says how well. Takes minutes."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
from scipy import sparse

from meetup_insight.marts.mart import LEAST_MEMBERS
from meetup_insight.models.blend import top
from meetup_insight.models.evaluation import Report, evaluate
from meetup_insight.models.interactions import Interactions
from meetup_insight.models.likeness import alike, communities
from meetup_insight.models.newcomers import cover
from meetup_insight.models.predictor import Predictor, Recommendation
from meetup_insight.predicting import inputs
from meetup_insight.predicting.inputs import Denied
from meetup_insight.predicting.prediction_tables import (
    COMMUNITIES,
    INTERESTS,
    LEADS_TO,
    LEARNED,
    LOOKALIKES,
    MODEL_CARD,
    NEWCOMERS,
    PREDICTED_GROUPS,
    PREDICTED_TOPICS,
    TASKS,
)
from meetup_insight.warehouse.protocol import Warehouse

_DEPTH: Final = 10
_MOST_PREDICTED: Final = 20_000
"""Members with lists of their own, the latest active ones: 200,000 rows of each table."""
_MOST_ALIKE: Final = 5_000
"""Groups with look-alikes: a dense row for each fits in memory."""
_MOST_LEADS: Final = 2_000
_MOST_COUNTRIES: Final = 40
Made = dict[str, list[Sequence[Any]]]
"""Rows by table."""


def learned(warehouse: Warehouse, without: Denied, until: datetime | None, moving: Callable[[], None]) -> Made:
    """The rows of every table of ``LEARNED``, and of the model card those that judge them."""
    source = inputs.topic_source(warehouse)
    made: Made = {table.name: [] for table in (*LEARNED, MODEL_CARD)}
    _topics(
        made, Interactions.of(inputs.member_topics(warehouse, source, without)), source, until, inputs.homes(warehouse)
    )
    moving()
    _groups(made, Interactions.of(inputs.member_groups(warehouse, without)), until)
    moving()
    _likeness(warehouse, made, without)
    return made


def _topics(made: Made, data: Interactions, source: str, until: Any, homes: dict[str, str]) -> None:
    if not len(data.items):
        return
    report = evaluate(data)
    made[MODEL_CARD.name] += _card(TASKS[0], report, f"topics by {source}", until)
    made[NEWCOMERS.name] += _newcomers(data, homes)
    if not report.holds:
        return
    predictor = Predictor(data, report.chosen)
    found = list(predictor.recommend(data.members[-_MOST_PREDICTED:], _DEPTH))
    made[PREDICTED_TOPICS.name] += [
        (each.member, each.rank, each.item, each.score, "|".join(each.because)) for each in found
    ]
    made[INTERESTS.name] += _interests(found)
    made[LEADS_TO.name] += _leads(predictor)


def _groups(made: Made, data: Interactions, until: Any) -> None:
    if not len(data.items):
        return
    report = evaluate(data)
    made[MODEL_CARD.name] += _card(TASKS[1], report, "groups by yes", until)
    if report.holds:
        found = Predictor(data, report.chosen).recommend(data.members[-_MOST_PREDICTED:], _DEPTH)
        made[PREDICTED_GROUPS.name] += [
            (each.member, each.rank, int(each.item), each.score, "|".join(each.because)) for each in found
        ]


def _card(task: str, report: Report, data: str, until: datetime | None) -> Iterator[Sequence[Any]]:
    common = (
        report.judges, report.members, report.items, report.coverage, report.split, report.holds, data,
        inputs.moment(until),
    )  # fmt: skip
    for metric, found in (("NDCG@10", report.ndcg), ("recall@10", report.recall)):
        for model, each in found.items():
            yield (task, model, metric, each.mean, each.low, each.high, *common)
    for name, each in (("popularity", report.above_popularity), ("EASE", report.above_ease)):
        yield (task, "model", f"NDCG@10 above {name}", each.mean, each.low, each.high, *common)


def _interests(found: Sequence[Recommendation]) -> Iterator[Sequence[Any]]:
    members = Counter(each.item for each in found)
    reasons: dict[str, Counter[str]] = {}
    for each in found:
        reasons.setdefault(each.item, Counter()).update(each.because)
    for topic, count in sorted(members.items()):
        if count >= LEAST_MEMBERS:
            named = sorted(reasons[topic].items(), key=lambda pair: (-pair[1], pair[0]))
            yield topic, count, "|".join(reason for reason, times in named[:3] if times >= LEAST_MEMBERS)


def _leads(predictor: Predictor) -> Iterator[Sequence[Any]]:
    """What the model says to somebody with one interest alone, where enough members have both."""
    data = predictor.interactions
    known = np.flatnonzero(data.popularity >= LEAST_MEMBERS)[:_MOST_LEADS]
    columns = sparse.csc_array(data.matrix)
    for topic in known.tolist():
        row = sparse.csr_array(([1.0], ([0], [topic])), shape=(1, len(data.items)))
        scores = predictor.model.scores(row)[0]
        both = np.asarray((columns[:, [topic]].T @ columns).todense()).ravel()
        scores[(both < LEAST_MEMBERS) | (scores <= 0)] = -np.inf
        for rank, other in enumerate(top(scores, _DEPTH).tolist(), start=1):
            yield data.items[topic], rank, data.items[other], float(scores[other]), int(both[other])


def _newcomers(data: Interactions, homes: dict[str, str]) -> Iterator[Sequence[Any]]:
    """For everybody, and for each country with enough members."""
    kept = np.flatnonzero(data.popularity >= LEAST_MEMBERS)
    by_country: dict[str, list[int]] = {"": list(range(len(data.members)))}
    for row, member in enumerate(data.members):
        if member in homes:
            by_country.setdefault(homes[member], []).append(row)
    largest = sorted(by_country.items(), key=lambda each: (-len(each[1]), each[0]))[: _MOST_COUNTRIES + 1]
    for country, rows in sorted(largest):
        local = data.matrix[rows][:, kept]
        counts = np.asarray(local.sum(axis=0)).ravel()
        found = cover(local, np.ones(len(kept)), _DEPTH).tolist() if len(kept) else []
        enough = [item for item in found if counts[item] >= LEAST_MEMBERS]
        for rank, item in enumerate(enough, start=1):
            yield country, rank, data.items[int(kept[item])]


def _likeness(warehouse: Warehouse, made: Made, without: Denied) -> None:
    pairs = inputs.common_members(warehouse)
    common = [each for each in pairs if each[0] not in without.groups and each[1] not in without.groups]
    topics = inputs.group_topics(warehouse, without, _MOST_ALIKE)
    made[LOOKALIKES.name] += [
        (each.group, each.rank, each.other, each.score, each.common, "|".join(each.shared))
        for each in alike(topics, common, _DEPTH)
    ]
    made[COMMUNITIES.name] += sorted(communities((group, other, cosine) for group, other, _, cosine in common).items())

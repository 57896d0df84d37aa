"""Predictors: equal in both forms, deterministic, better than what is simpler."""

import csv
import gzip
import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from meetup_insight.models.accuracy import ndcg
from meetup_insight.models.blend import UNTIMED, top, tops
from meetup_insight.models.evaluation import evaluate
from meetup_insight.models.forecast import NAIVE, forecast
from meetup_insight.models.interactions import Interaction, Interactions
from meetup_insight.models.newcomers import cover
from meetup_insight.models.predictor import Predictor
from meetup_insight.models.scorers import ItemWeights, MemberEase, MemberWalk, ease, walk
from meetup_insight.models.selection import Chosen
from meetup_insight.models.splits import split
from meetup_insight.predicting.forecasts import in_a_row

pytestmark = pytest.mark.timeout(300)  # whole cities, on a machine that may be busy
SHARED = Path(__file__).parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.exists(), reason="../shared/data is absent")


def made_up(members: int, items: int, seed: int = 1) -> list[Interaction]:
    """Members of two tastes; a few like both."""
    dice = np.random.default_rng(seed)
    rows = []
    for member in range(members):
        half = items // 2
        base = (member % 2) * half
        found = {base + int(half * dice.random() ** 2) for _ in range(6)} | {int(items * dice.random())}
        rows += [Interaction(f"m{member}", f"i{item}") for item in sorted(found)]
    return rows


def test_ease_over_members_gives_the_scores_of_ease_over_items() -> None:
    data = Interactions.of(made_up(40, 60))
    over_members = ease(data.matrix, 30.0)
    assert isinstance(over_members, MemberEase)
    gram = np.asarray((data.matrix.T @ data.matrix).todense()) + 30.0 * np.eye(data.matrix.shape[1])
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    unknown = np.asarray(data.matrix.todense()) == 0
    expected = np.asarray(data.matrix @ weights)
    np.testing.assert_allclose(over_members.scores(data.matrix)[unknown], expected[unknown], atol=1e-9)
    known = np.asarray(data.matrix[[0]].indices, dtype=np.int64)
    others = np.flatnonzero(unknown[0])[:5]
    np.testing.assert_allclose(
        over_members.parts(others)(known, np.arange(5)), weights[np.ix_(known, others)], atol=1e-9
    )


def test_a_walk_over_members_gives_the_scores_of_the_walk_over_items() -> None:
    data = Interactions.of(made_up(40, 60))
    over_members = walk(data.matrix, 0.8, 0.8, 0.4)
    assert isinstance(over_members, MemberWalk)
    weights = np.asarray((over_members.back @ over_members.forth).todense())
    np.fill_diagonal(weights, 0.0)
    unknown = np.asarray(data.matrix.todense()) == 0
    expected = ItemWeights(weights).scores(data.matrix)
    np.testing.assert_allclose(over_members.scores(data.matrix)[unknown], expected[unknown], atol=1e-9)


def test_the_same_interactions_in_another_order_give_the_same_recommendations() -> None:
    rows = made_up(60, 40)
    first = list(Predictor(Interactions.of(rows)).recommend(["m1", "m2", "new"], 5))
    again = list(Predictor(Interactions.of(list(reversed(rows)) + rows[:9])).recommend(["m1", "m2", "new"], 5))
    assert first == again


def test_nobody_is_told_what_they_have_and_reasons_are_what_they_have() -> None:
    rows = made_up(60, 40)
    has: dict[str, set[str]] = {}
    for row in rows:
        has.setdefault(row.member, set()).add(row.item)
    found = list(Predictor(Interactions.of(rows)).recommend(sorted(has), 10))
    assert {each.member for each in found} == set(has)
    for each in found:
        assert each.item not in has[each.member]
        assert set(each.because) <= has[each.member]
    assert [each.rank for each in found if each.member == "m1"] == list(range(1, 11))


@pytest.mark.parametrize(("rows", "items", "depth"), [(1, 1, 3), (7, 4, 4), (5_000, 30, 10), (2, 60_000, 10)])
def test_the_best_of_each_row_are_in_order_with_ties_by_item_and_without_those_never_shown(
    rows: int, items: int, depth: int
) -> None:
    dice = np.random.default_rng(3)
    scores = np.round(dice.random((rows, items)) * 6)
    scores[dice.random((rows, items)) < 0.4] = -np.inf
    scores[0] = -np.inf
    for row, found in zip(scores, tops(scores, depth), strict=True):
        expected = sorted(np.flatnonzero(np.isfinite(row)).tolist(), key=lambda item: -row[item])[:depth]
        assert found.tolist() == top(row, depth).tolist() == expected


@pytest.mark.parametrize(("members", "items"), [(120, 40), (60, 140)])
def test_whoever_else_is_served_a_member_s_list_and_its_reasons_stay(members: int, items: int) -> None:
    predictor = Predictor(Interactions.of(made_up(members, items)), Chosen(UNTIMED, UNTIMED, 0))
    together = list(predictor.recommend(predictor.interactions.members, 10))
    for member in ("m1", "m57", predictor.interactions.members[-1]):
        assert list(predictor.recommend([member], 10)) == [each for each in together if each.member == member]


def test_a_newcomer_s_list_covers_members_and_is_not_twice_the_same() -> None:
    rows = [Interaction(f"a{n}", item) for n in range(9) for item in ("hiking", "walking")]
    rows += [Interaction(f"b{n}", "chess") for n in range(5)]
    data = Interactions.of(rows)
    items = [data.items[each] for each in cover(data.matrix, np.ones(3), 3)]
    assert items[:2] == ["hiking", "chess"]


@pytest.mark.parametrize("rows", [[], [Interaction("m", "i")], [Interaction("m", "i"), Interaction("n", "i")]])
def test_next_to_nothing_is_no_mistake(rows: list[Interaction]) -> None:
    data = Interactions.of(rows)
    assert not evaluate(data).holds
    assert len(list(Predictor(data).recommend(["m", "x"], 3))) <= 2


def test_ndcg_is_one_for_the_perfect_ranking_and_zero_for_none() -> None:
    assert ndcg(np.array([3, 1, 2]), frozenset({3, 1})) == pytest.approx(1.0)
    assert ndcg(np.array([4, 5]), frozenset({3})) == 0.0
    assert ndcg(np.array([9, 3]), frozenset({3})) == pytest.approx(1 / np.log2(3))


def test_a_forecast_that_does_not_beat_the_naive_one_gives_way_to_it() -> None:
    dice = np.random.default_rng(5)
    steps = np.cumsum(dice.normal(0, 1, 60)) * 20 + 1000
    found = forecast(steps.tolist())
    assert found is not None
    assert found.error <= found.naive_error
    assert found.low <= found.value <= found.high
    assert forecast([10.0] * 5) is None
    flat = forecast([100.0] * 40)
    assert flat is not None
    assert flat.model == NAIVE
    assert flat.value == 100.0


@cache
def nashville() -> tuple[Interaction, ...]:
    folder = SHARED / "evaluation" / "nashville"
    with gzip.open(folder / "events.csv.gz", "rt") as lines:
        events = {
            row["event_id"]: (
                row["group_urlname"],
                datetime.fromisoformat(row["time"]).replace(tzinfo=UTC).timestamp() * 1000,
            )
            for row in csv.DictReader(lines)
        }
    with gzip.open(folder / "rsvps.csv.gz", "rt") as lines:
        return tuple(Interaction(row["member_id"], *events[row["event_id"]]) for row in csv.DictReader(lines))


def accuracy(train: list[Interaction], test: list[Interaction]) -> float:
    """NDCG@10 over members who are known and took up a known item that is new to them."""
    data = Interactions.of(train)
    index = {item: at for at, item in enumerate(data.items)}
    known = {(row.member, row.item) for row in train}
    members = set(data.members)
    held: dict[str, set[int]] = {}
    for row in test:
        if row.member in members and row.item in index and (row.member, row.item) not in known:
            held.setdefault(row.member, set()).add(index[row.item])
    ranked: dict[str, list[int]] = {}
    for each in Predictor(data).recommend(sorted(held), 10):
        ranked.setdefault(each.member, []).append(index[each.item])
    return float(np.mean([ndcg(np.array(ranked[member]), frozenset(items)) for member, items in held.items()]))


@needs_data
def test_groups_by_time_are_predicted_better_than_by_any_of_the_measured_baselines() -> None:
    cut, end = (datetime(2017, month, 1, tzinfo=UTC).timestamp() * 1000 for month in (7, 11))
    rows = nashville()
    train = [row for row in rows if row.time is not None and row.time < cut]
    assert accuracy(train, [row for row in rows if row.time is not None and cut <= row.time < end]) >= 0.24


@needs_data
def test_hidden_topics_are_found_as_well_as_the_best_baseline_finds_them() -> None:
    rows = []
    for line in gzip.decompress((SHARED / "derived/members_v2_from_v1.ndjson.gz").read_bytes()).split(b"\n"):
        if line:
            profile = json.loads(line)
            rows += [Interaction(str(profile["id"]), topic["urlkey"]) for topic in profile["topics"]]
    data = Interactions.of(rows)
    hidden = split(data)
    coordinates = hidden.train.matrix.tocoo()
    train = [
        Interaction(data.members[row], data.items[item])
        for row, item in zip(coordinates.row.tolist(), coordinates.col.tolist(), strict=True)
    ]
    test = [Interaction(data.members[row], data.items[item]) for row, items in hidden.held.items() for item in items]
    assert accuracy(train, test) >= 0.43


def test_weeks_that_were_not_collected_are_no_weeks_without_rsvps() -> None:
    """Two years between two recordings were forecast as weeks of nothing, with an error of nothing."""
    monday = date(2017, 3, 20)
    weeks = {monday - timedelta(weeks=back): 10 + back for back in (1, 2, 3, 4, 6, 7, 100)}
    assert in_a_row(weeks, monday) == [13.0, 12.0, 11.0], "the fourth may have begun in its middle"
    assert in_a_row({date(2015, 3, 2): 1800}, monday) == []


@needs_data
def test_a_week_s_rsvps_are_forecast_with_less_error_than_the_naive_mean() -> None:
    weeks: dict[int, int] = {}
    for row in nashville():
        assert row.time is not None
        week = int((row.time / 1000 - 345_600) // 604_800)
        weeks[week] = weeks.get(week, 0) + 1
    counts = [float(weeks.get(week, 0)) for week in range(min(weeks) + 1, max(weeks))]  # whole weeks
    found = forecast(counts)
    assert found is not None
    assert found.error < 0.085 <= round(found.naive_error, 3)

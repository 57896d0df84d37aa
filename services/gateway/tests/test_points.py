"""Points: never over the window once the price is known, one refusal until then; and what the schedule is worth."""

import random

import pytest
from meetup_gateway.calibration import Measured, price_of
from meetup_gateway.scheduling.intervals import CHANGES_A_DAY, Load, Urgency, intervals, mean_delay, uniform
from meetup_gateway.scheduling.plan import Target
from meetup_gateway.source.budget import Budget, BudgetState, Price, Share
from meetup_simulator.graphql_api.dials import PRICES, Dials
from meetup_simulator.graphql_api.points import Bucket

MINUTES = 20
"""As many windows of the bucket; a client finds its way within the first two."""
SHARES = {
    Urgency.TWO_DAYS: 0.03,
    Urgency.WEEK: 0.12,
    Urgency.FORTNIGHT: 0.15,
    Urgency.LATER: 0.30,
    Urgency.NONE: 0.40,
}
"""How groups were spread in the recordings' world."""


def loads(groups: int, cost: float) -> list[Load]:
    return [
        Load(CHANGES_A_DAY[urgency], cost) for urgency, share in SHARES.items() for _ in range(round(groups * share))
    ]


def spend(price: str, first: Price, *, rolling: bool, floor: Price | None = None) -> Bucket:
    """A client that wants more than there is, against the simulated bucket."""
    dials = Dials(price=price, rolling=rolling)
    bucket, budget, dice = Bucket(dials), Budget(BudgetState(first, floor)), random.Random(1)
    now = 1_000_000.0
    until = now + MINUTES * 60
    while now < until:
        roots = dice.randrange(1, 6)
        if wait := budget.reserve(roots, Share.LIVE, now):
            now += wait
            continue
        verdict = bucket.take(roots, int(now * 1000))
        if verdict.answered < roots:
            budget.refused(verdict.resets / 1000 - now + 0.5, verdict.consumed, now)
        now += 0.05
    return bucket


@pytest.mark.parametrize("price", PRICES)
@pytest.mark.parametrize("rolling", [True, False], ids=["rolling", "fixed"])
def test_points_are_refused_at_most_once_before_the_price_is_known(price: str, *, rolling: bool) -> None:
    bucket = spend(price, Price(0, 5), rolling=rolling)
    assert bucket.refusals <= 1
    assert bucket.greatest <= 500


@pytest.mark.parametrize("price", PRICES)
@pytest.mark.parametrize("rolling", [True, False], ids=["rolling", "fixed"])
def test_points_are_never_refused_once_the_price_was_measured(price: str, *, rolling: bool) -> None:
    measured = Price(*PRICES[price])
    bucket = spend(price, measured, rolling=rolling, floor=measured)
    assert bucket.refusals == 0
    assert bucket.spent > 0.5 * 340 * MINUTES * (1 if price != "H1" else 0.5)  # and they are used


@pytest.mark.parametrize(("price", "expected"), PRICES.items())
def test_two_sums_give_the_price(price: str, expected: tuple[float, float]) -> None:
    def measure(roots: int) -> Measured:
        cost = expected[0] + roots * expected[1]
        answered = int(500 // cost)
        return Measured(roots, answered, answered * cost, refused=True)

    found = price_of(measure(1), measure(10), 500)
    assert (found.per_request, found.per_root) == pytest.approx(expected, abs=0.01)


def test_look_ups_find_their_share_when_sweeps_take_all_they_may() -> None:
    budget = Budget(BudgetState(Price(0, 5)))
    while not budget.reserve(1, Share.LIVE, 1000.0):
        pass
    assert budget.reserve(10, Share.LOOKUPS, 1000.0) == 0
    assert budget.reserve(10, Share.LOOKUPS, 1000.0) > 0
    assert budget.reserve(1, Share.BACKFILL, 1000.0) > 0
    assert budget.reserve(1, Share.LIVE, 1061.0) == 0


def test_a_refusal_that_our_own_spending_does_not_explain_makes_nothing_dearer() -> None:
    budget = Budget(BudgetState(Price(0, 5)))
    budget.reserve(1, Share.LIVE, 1000.0)
    budget.refused(60, None, 1000.0)
    assert budget.state.price == Price(0, 5)
    assert budget.reserve(1, Share.LOOKUPS, 1030.0) > 0


def test_after_a_day_without_a_refusal_estimates_shrink_but_not_below_what_was_measured() -> None:
    day = 86_400.0
    guessed, measured = Budget(BudgetState(Price(0, 10))), Budget(BudgetState(Price(0, 10), Price(0, 10)))
    for number in range(3):
        guessed.reserve(1, Share.LIVE, 1 + number * day)
        measured.reserve(1, Share.LIVE, 1 + number * day)
    assert guessed.state.price.per_root < 10
    assert measured.state.price.per_root == 10


@pytest.mark.parametrize(("price", "cost"), [("H2", 1.0), ("H3", 5.0), ("H4", 15.0)])
@pytest.mark.parametrize("groups", [1000, 5000])
def test_the_square_root_rule_sees_changes_sooner_for_the_same_points(price: str, cost: float, groups: int) -> None:
    """43 % is what the research expects where no floor binds."""
    each = loads(groups, cost)
    rule, plain = intervals(each, 400, 60), uniform(each, 400, 60)
    assert sum(load.cost / seconds for load, seconds in zip(each, rule, strict=True)) * 60 <= 400.5
    gain = 1 - mean_delay(each, rule) / mean_delay(each, plain)
    # At the lowest price the floor of a minute binds for small sets; at the dearest the ceiling of six hours for large.
    assert gain > (0.2 if (price, groups) == ("H2", 1000) else 0.39), gain


def test_no_target_is_looked_at_more_often_than_the_floor_says() -> None:
    assert min(intervals(loads(10, 1.0), 400, 60)) == 60
    assert intervals([], 400, 60) == []


def test_without_points_every_target_waits_as_long_as_it_may() -> None:
    assert set(intervals(loads(10, 1.0), 0, 60)) == {6 * 3600}


@pytest.mark.parametrize("price", [Price(0, 1), Price(0, 5), Price(0, 15), Price(0.5, 15)])
def test_what_is_left_of_a_window_is_used_and_not_waited_for(price: Price) -> None:
    budget, asked = Budget(BudgetState(price, price)), 0
    while not (wait := budget.reserve(count := min(10, budget.roots_that_fit(Share.LIVE, 1000.0)), Share.LIVE, 1000.0)):
        asked += count
    assert wait > 0
    assert budget.left(1000.0) - 60 < price.of(1)  # 60 are the enricher's
    assert asked >= 340 // price.of(1)


def test_root_fields_are_not_spread_over_requests_that_have_a_price_of_their_own() -> None:
    budget = Budget(BudgetState(Price(5, 5), None))
    budget.reserve(60, Share.LIVE, 1000.0)
    assert budget.roots_that_fit(Share.LIVE, 1000.0) == budget.most_roots(Share.LIVE)


def test_the_latest_in_its_own_intervals_is_first_and_what_was_never_swept_before_it() -> None:
    urgent = Target("a", False, ("a",), Urgency.TWO_DAYS, 900_000, 900_000, 0, 60.0)
    slow = Target("b", False, ("b",), Urgency.NONE, 100_000, 100_000, 0, 800.0)
    never = Target("c", False, ("c",), Urgency.NONE, 0, 0, 0, 800.0)
    assert slow.due < urgent.due
    assert sorted((slow, urgent, never), key=lambda each: -each.lateness(1_000_000)) == [never, urgent, slow]

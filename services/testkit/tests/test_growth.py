"""What grows faster than its input is told from what does not."""

from meetup_testkit.growth import growth


def in_proportion(size: int) -> int:
    return sum(range(size))


def quadratic(size: int) -> int:
    return sum(len(range(at)) for _ in range(size // 500) for at in range(size))


def test_a_quadratic_cost_is_told_from_one_in_proportion() -> None:
    assert growth(in_proportion, small=5_000, large=80_000) < 4 < growth(quadratic, small=1_000, large=16_000)

from meetupkit.progress import Progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_moves_in_time_is_not_stalled() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.moving("reader", within=10)
    clock.now += 9
    assert progress.stalled() == {}


def test_a_loop_that_is_late_is_named_with_its_lateness() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.moving("reader", within=10)
    progress.moving("writer", within=60)
    clock.now += 25
    assert progress.stalled() == {"reader": 15}


def test_nothing_more_is_expected_of_a_loop_that_ended() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.moving("reader", within=10)
    progress.ended("reader")
    clock.now += 1000
    assert progress.stalled() == {}

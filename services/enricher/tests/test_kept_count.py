"""How often a queue is counted, by how long that takes."""

import threading

import pytest
from meetup_enricher.queueing.kept_count import KeptCount, Waiting


class SlowCounter:
    """Each count takes ``seconds`` of its clock, and finds one id more than the last."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = 0.0
        self.counts = 0

    def count(self) -> Waiting:
        self.now += self.seconds
        self.counts += 1
        return Waiting(self.counts, 0.0)


def test_a_count_that_costs_nothing_is_made_each_time() -> None:
    counter = SlowCounter(0.01)
    kept = KeptCount(counter.count, timer=lambda: counter.now)
    assert [kept.get().depth for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(("took", "good_for"), [(0.25, 5.0), (0.5, 10.0), (2.0, 40.0), (30.0, 60.0)])
def test_counting_takes_no_more_than_a_twentieth_of_the_time_however_many_ask(took: float, good_for: float) -> None:
    counter = SlowCounter(took)
    kept = KeptCount(counter.count, timer=lambda: counter.now)
    kept.get()
    counter.now += good_for - 0.01
    assert (kept.get().depth, counter.counts) == (1, 1)
    counter.now += 0.02
    assert (kept.get().depth, counter.counts) == (2, 2)


def test_what_this_process_queues_is_in_the_next_answer_without_a_count() -> None:
    counter = SlowCounter(1.0)
    kept = KeptCount(counter.count, timer=lambda: counter.now)
    kept.get()
    kept.queued(200)
    assert (kept.get().depth, counter.counts) == (201, 1)


def test_what_is_queued_during_a_count_is_in_its_answer_and_in_no_later_count() -> None:
    """Else a queue that has just been filled would be called empty for as long as the count is used."""
    counter = SlowCounter(1.0)

    def count() -> Waiting:
        kept.queued(200)  # committed after the store looked
        counter.count()
        return Waiting(0, 0.0)

    kept = KeptCount(count, timer=lambda: counter.now)
    assert [kept.get().depth for _ in range(2)] == [200, 200]
    counter.now += 30
    assert kept.get().depth == 200  # those of this count, no longer those of the last


def test_those_who_ask_at_once_share_one_count() -> None:
    counter = SlowCounter(1.0)
    begun, go_on = threading.Event(), threading.Event()

    def count() -> Waiting:
        begun.set()
        assert go_on.wait(60)
        return counter.count()

    kept = KeptCount(count, timer=lambda: counter.now)
    askers = [threading.Thread(target=kept.get) for _ in range(5)]
    for asker in askers:
        asker.start()
    assert begun.wait(60)
    go_on.set()
    for asker in askers:
        asker.join(60)
    assert counter.counts == 1


def test_a_count_that_fails_is_not_kept() -> None:
    counter = SlowCounter(1.0)
    failing = [OSError("down")]

    def count() -> Waiting:
        if failing:
            raise failing.pop()
        return counter.count()

    kept = KeptCount(count, timer=lambda: counter.now)
    with pytest.raises(OSError, match="down"):
        kept.get()
    assert kept.get().depth == 1

"""How often the queues are counted."""

import pytest
from meetup_enricher.queueing.backlog import EVERY_SECONDS, pause_after
from meetup_enricher.queueing.kept_count import LONGEST_SECONDS


@pytest.mark.parametrize(
    ("took", "pause"),
    [(0, EVERY_SECONDS), (0.1, EVERY_SECONDS), (0.5, 10), (2, 40), (3, LONGEST_SECONDS), (10, LONGEST_SECONDS)],
)
def test_a_queue_that_takes_long_to_count_is_counted_less_often(took: float, pause: float) -> None:
    assert pause_after(took) == pause

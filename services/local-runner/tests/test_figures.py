"""Totals over all lives of a process, rate and lag."""

import pytest
from meetup_local_runner.figures import EnricherCounts, EnricherHistory, StreamCounts, StreamHistory, median
from meetup_local_runner.scrape import Page

INF = float("inf")


def stream_page(stored: int, *, rejected: tuple[int, int] = (0, 0), lag: tuple[int, ...] = (0, 0, 0)) -> Page:
    below, within, beyond = lag
    return Page(
        "# TYPE meetup_stream_records_stored_total counter\n"
        f'meetup_stream_records_stored_total{{feed="rsvps"}} {stored}.0\n'
        "# TYPE meetup_stream_records_rejected_total counter\n"
        f'meetup_stream_records_rejected_total{{feed="rsvps",reason="not_json"}} {rejected[0]}.0\n'
        f'meetup_stream_records_rejected_total{{feed="rsvps",reason="no_id"}} {rejected[1]}.0\n'
        "# TYPE meetup_stream_lag_seconds histogram\n"
        f'meetup_stream_lag_seconds_bucket{{feed="rsvps",le="1.0"}} {below}.0\n'
        f'meetup_stream_lag_seconds_bucket{{feed="rsvps",le="3.0"}} {below + within}.0\n'
        f'meetup_stream_lag_seconds_bucket{{feed="rsvps",le="+Inf"}} {below + within + beyond}.0\n'
        f'meetup_stream_lag_seconds_count{{feed="rsvps"}} {below + within + beyond}.0\n'
        'meetup_stream_lag_seconds_sum{feed="rsvps"} 1.0\n'
    )


def test_rejected_records_count_whatever_their_reason() -> None:
    assert StreamCounts.of_page(stream_page(5, rejected=(2, 1))) == StreamCounts(stored=5, rejected=3)


def test_a_restart_takes_nothing_from_the_count() -> None:
    history = StreamHistory()

    history.observe(1.0, stream_page(100))
    history.life_ended(None)
    history.observe(3.0, stream_page(7))

    assert history.counts.stored == 107


def test_what_a_process_says_at_its_end_is_truer_than_the_last_scrape() -> None:
    history = StreamHistory()

    history.observe(1.0, stream_page(100))
    history.life_ended({"records_stored": 104, "records_duplicate": 2, "records_rejected": 1})

    assert history.counts == StreamCounts(stored=104, duplicate=2, rejected=1)


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    history = StreamHistory()
    for second in range(40):
        history.observe(float(second), stream_page(1000 * min(second, 25) + 5 * max(0, second - 25)))

    assert history.per_second == pytest.approx(5.0)


def test_a_restart_makes_no_negative_rate() -> None:
    history = StreamHistory()
    history.observe(1.0, stream_page(1000))
    history.life_ended(None)
    history.observe(2.0, stream_page(1))
    history.observe(3.0, stream_page(3))

    assert history.per_second == pytest.approx(2.0)


def test_the_lag_is_the_median_of_the_last_ten_seconds() -> None:
    history = StreamHistory()
    history.observe(0.0, stream_page(100, lag=(100, 0, 0)))
    history.observe(5.0, stream_page(104, lag=(100, 4, 0)))

    assert history.lag == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ([], None),
        ([(1.0, 0.0), (INF, 0.0)], None),
        ([(1.0, 10.0), (2.0, 10.0), (INF, 10.0)], 0.5),
        ([(1.0, 2.0), (2.0, 10.0), (INF, 10.0)], 1.375),
        ([(1.0, 1.0), (2.0, 2.0), (INF, 10.0)], INF),
    ],
)
def test_the_median_is_that_of_prometheus(buckets: list[tuple[float, float]], expected: float | None) -> None:
    assert median(buckets) == expected


def test_the_enricher_is_summed_over_kinds_and_lives() -> None:
    page = Page(
        "# TYPE meetup_enricher_profiles_stored_total counter\n"
        'meetup_enricher_profiles_stored_total{kind="members"} 30.0\n'
        'meetup_enricher_profiles_stored_total{kind="groups"} 4.0\n'
        "# TYPE meetup_enricher_queue_depth gauge\n"
        'meetup_enricher_queue_depth{kind="members"} 5.0\n'
        'meetup_enricher_queue_depth{kind="groups"} 6.0\n'
        "# TYPE meetup_enricher_ids_total counter\n"
        'meetup_enricher_ids_total{kind="groups",outcome="fresh"} 8.0\n'
        'meetup_enricher_ids_total{kind="groups",outcome="queued"} 80.0\n'
    )
    history = EnricherHistory()

    history.observe(1.0, page)
    history.life_ended({"profiles_stored": 36, "api_calls": 2})
    assert history.silent_seconds(2.0) == float("inf")
    history.observe(2.0, page)
    assert history.silent_seconds(5.0) == 3.0

    assert history.queue == 11
    assert history.counts == EnricherCounts(profiles=70, fresh=16, api_calls=2)

"""What the operator reads from a stream's page."""

from typing import Final

import pytest
from meetup_feed_operator.status.metrics_page import Ledger, Scrape, all_rejected, read_metrics

NOW: Final = 1_700_000_000.0


def read(page: str) -> Scrape:
    return read_metrics(page, pod_uid="p", at=NOW, not_ready=None)


def test_counters_are_summed_over_their_labels() -> None:
    scrape = read(
        '# TYPE meetup_stream_records_rejected_total counter\nmeetup_stream_records_rejected_total{reason="a"} 2\n'
        'meetup_stream_records_rejected_total{reason="b"} 3\nmeetup_stream_last_record_timestamp_seconds 0\n'
        "meetup_stream_connected 1\nother_metric 9\n"
    )
    assert scrape.rejected == 5
    assert scrape.connected is True
    assert scrape.last_record is None
    assert scrape.stored is None
    assert scrape.ledger is None


@pytest.mark.parametrize(
    "page",
    [
        "<html>not metrics</html> {{{",
        "",
        "other_metric 1\n",
        "meetup_stream_connected",
        "meetup_stream_connected one\n",
        "meetup_stream_connected{ 1\n",
        'meetup_stream_connected{feed="rsvps 1\n',
        "meetup_stream_connected{" * 2000,
    ],
    ids=["HTML", "nothing", "another's", "no value", "a word", "an open brace", "an open quote", "nested braces"],
)
def test_a_page_that_is_no_metrics_of_a_stream_is_refused(page: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the parser's own words differ)
        read(page)


@pytest.mark.parametrize("odd", ["-1", "1e300", "NaN", "+Inf", "-0.5"])
def test_a_count_that_no_status_holds_is_not_told(odd: str) -> None:
    assert read(f"meetup_stream_connected 1\nmeetup_stream_records_rejected_total {odd}\n").rejected is None


def a_pod_that_counts(*, stored: float = 0, rejected: float = 0, duplicates: float = 0) -> Scrape:
    return Scrape("p", 0, connected=True, stored=stored, rejected=rejected, duplicates=duplicates)


@pytest.mark.parametrize(
    ("earlier", "latest", "lines"),
    [
        (None, a_pod_that_counts(rejected=500), 500),
        (None, a_pod_that_counts(rejected=1), None),
        (None, a_pod_that_counts(rejected=500, stored=1), None),
        (None, a_pod_that_counts(rejected=500, duplicates=1), None),
        (a_pod_that_counts(stored=9000), a_pod_that_counts(stored=9000, rejected=40), 40),
        (a_pod_that_counts(stored=9000), a_pod_that_counts(stored=9001, rejected=40), None),
        (a_pod_that_counts(stored=9000), a_pod_that_counts(stored=9000, rejected=2), None),
        (a_pod_that_counts(stored=9000, rejected=40), a_pod_that_counts(stored=9000, rejected=40), None),
        (None, a_pod_that_counts(), None),
    ],
    ids=[
        "a wrong row",
        "one line of rubbish at the start",
        "a record among many others",
        "a replay of what is stored",
        "a format that changed",
        "a record meanwhile",
        "two lines of rubbish in a quiet minute",
        "rubbish of long ago",
        "nothing came",
    ],
)
def test_a_stream_of_which_every_line_is_rejected_is_told_from_one_with_some_rubbish(
    earlier: Scrape | None, latest: Scrape, lines: int | None
) -> None:
    assert all_rejected(earlier, latest) == lines


def test_the_ledger_is_read_by_verdict_and_by_state() -> None:
    scrape = read(
        'meetup_stream_ledger_since_timestamp_seconds{feed="rsvps"} 1.7e9\n'
        'meetup_stream_ledger_connections{feed="rsvps",verdict="gap"} 2\n'
        'meetup_stream_ledger_connections{feed="rsvps",verdict="overlap"} 7\n'
        'meetup_stream_ledger_lines{feed="rsvps",state="stored"} 90\n'
        'meetup_stream_last_gap_from_timestamp_seconds{feed="rsvps"} 1.5e9\n'
        'meetup_stream_last_gap_to_timestamp_seconds{feed="rsvps"} 1.6e9\n'
    )
    assert scrape.ledger == Ledger(1.7e9, {"gap": 2, "overlap": 7}, {"stored": 90}, (1.5e9, 1.6e9))


def test_a_stream_that_has_not_read_its_day_yet_tells_no_ledger() -> None:
    """Its figures would be too low."""
    assert (
        read('meetup_stream_ledger_since_timestamp_seconds 0\nmeetup_stream_ledger_lines{state="a"} 0\n').ledger is None
    )


@pytest.mark.parametrize("odd", ["NaN", "+Inf", "-Inf", "1e300", "-5"])
def test_a_time_that_no_calendar_has_is_not_told(odd: str) -> None:
    page = f"meetup_stream_cursor_timestamp_seconds {odd}\nmeetup_stream_ledger_since_timestamp_seconds {odd}\n"
    assert read(page).cursor is None
    assert read(page).ledger is None


def test_a_figure_that_is_no_number_does_not_stop_the_reading() -> None:
    page = 'meetup_stream_ledger_since_timestamp_seconds 5\nmeetup_stream_ledger_lines{state="stored"} +Inf\n'
    assert read(page).ledger == Ledger(5, {}, {}, None)

"""Times come in by many doors, and are one number behind each."""

from datetime import UTC, date, datetime, timedelta

import pytest
from meetup_insight.moments import from_iso, milliseconds

AT = 1_489_925_470_123


@pytest.mark.parametrize(
    "text",
    [
        "2017-03-19T12:11:10.123Z",
        "2017-03-19T12:11:10.123",
        "2017-03-19 12:11:10.123000",
        "2017-03-19T14:11:10.123+02:00",
        "2017-03-19T17:41:10.123+05:30",
        "20170319T121110.123Z",
    ],
)
def test_a_time_is_one_number_however_it_is_written(text: str) -> None:
    assert from_iso(text) == AT


def test_a_day_begins_at_midnight_utc() -> None:
    assert from_iso(date(2017, 3, 19).isoformat()) == AT - AT % 86_400_000


def test_every_whole_millisecond_is_whole_before_and_after_the_epoch() -> None:
    for number in (*range(AT, AT + 5_000), -62_135_596_800_000, -1, 0, 253_402_300_799_999):
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)
        assert milliseconds(at) == milliseconds(at.replace(tzinfo=None)) == number


@pytest.mark.parametrize("text", ["", "soon", "2017-13-01", "12:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        from_iso(text)

import pytest
from meetupkit.http.retry_after import retry_after_seconds
from meetupkit.retry import LONGEST_ASKED_SECONDS

NOW = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("Wed, 21 Oct 2015 07:29:00 GMT", 60.0),
        ("Wednesday, 21-Oct-15 07:29:00 GMT", 60.0),
        ("Wed, 21 Oct 2015 07:29:00 -0000", 60.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("999999999", LONGEST_ASKED_SECONDS),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_ASKED_SECONDS),
    ],
)
def test_a_wait_that_is_asked_for_is_read(value: str, seconds: float) -> None:
    assert retry_after_seconds(value, now=NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [None, "", "soon", "-1", "nan", "inf", "1e999", "1_0", "٣", "0x10", "9" * 5000, "Wed, 99 Oct 2015 07:28:00 GMT",
     "Fri, 31 Dec 99999 23:59:59 GMT", "\x00", "Wed"],
)  # fmt: skip
def test_a_wait_without_sense_is_none(value: str | None) -> None:
    assert retry_after_seconds(value, now=NOW) is None


def test_a_caller_may_take_a_longer_wait() -> None:
    assert retry_after_seconds("86400", longest=86_400.0) == 86_400.0

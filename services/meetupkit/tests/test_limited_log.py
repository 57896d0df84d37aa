import logging

import pytest
from meetupkit.limited_log import MOST_KINDS, LimitedLog


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_the_first_of_a_kind_is_logged_and_then_one_a_minute_with_the_count(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = LimitedLog(logging.getLogger("t"), clock=clock)
    for second in range(121):
        clock.now = float(second)
        for _ in range(1000):
            log.warning("bad", "bad line: %s", second)
    assert lines(caplog) == [
        "bad line: 0",
        "bad line: 60 (and 59999 more since the last such line)",
        "bad line: 120 (and 59999 more since the last such line)",
    ]
    assert vars(caplog.records[1])["repeated"] == 59_999
    assert caplog.records[1].filename == "test_limited_log.py"


def test_kinds_do_not_hold_each_other_back(caplog: pytest.LogCaptureFixture) -> None:
    log = LimitedLog(logging.getLogger("t"), clock=Clock())
    log.warning("a", "first")
    log.error("b", "second")
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


def test_kinds_without_number_neither_fill_the_memory_nor_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log = LimitedLog(logging.getLogger("t"), clock=Clock())
    for number in range(10_000):
        log.warning(f"kind {number}", "line %d", number)
    assert len(caplog.records) == MOST_KINDS + 1

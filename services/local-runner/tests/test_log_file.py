"""What a process writes about itself."""

import json
from pathlib import Path

import pytest
from meetup_local_runner.log_file import LogFile


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    return LogFile(tmp_path / "process.log")


def write(log: LogFile, *lines: str | dict[str, object]) -> None:
    with log.path.open("a") as file:
        file.writelines(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    log.follow()


@pytest.mark.parametrize(
    "line",
    [
        {"severity": "INFO", "message": "listening on port 4321", "event": "listening", "port": 4321},
        "meetup-simulator listening on http://127.0.0.1:4321",
    ],
)
def test_a_process_s_address_is_learnt_from_its_log(log: LogFile, line: str | dict[str, object]) -> None:
    write(log, {"severity": "INFO", "message": "before"}, line, {"severity": "INFO", "message": "after"})

    assert log.address == "http://127.0.0.1:4321"


def test_a_line_is_not_read_before_it_is_whole(log: LogFile) -> None:
    log.path.write_text("meetup-simulator listening on http://127.0.0.1:43")
    log.follow()
    assert log.address is None

    write(log, "21")
    assert log.address == "http://127.0.0.1:4321"


def test_a_new_life_does_not_see_the_words_of_the_former(log: LogFile) -> None:
    write(log, "meetup-simulator listening on http://127.0.0.1:4321", "wrong settings")

    reborn = LogFile(log.path)
    reborn.follow()

    assert (reborn.address, reborn.last_lines) == (None, [])


def test_events_are_shown_as_sentences_and_told_from_words_to_a_person(log: LogFile) -> None:
    write(log, {"severity": "ERROR", "message": "stopped: refused", "event": "stopped"}, "STREAM_FEED: required")

    assert log.last_lines == ["ERROR stopped: refused", "STREAM_FEED: required"]
    assert log.plain_lines == ["STREAM_FEED: required"]


def test_the_last_count_is_read_from_the_last_line(log: LogFile) -> None:
    write(log, {"severity": "INFO", "message": "stopped", "event": "stopped", "records_stored": 12, "feed": "rsvps"})

    assert log.totals == {"records_stored": 12}


def test_bytes_that_are_no_text_are_no_obstacle(log: LogFile) -> None:
    log.path.write_bytes(b"\xff\xfe\x00 broken\n")
    log.follow()

    assert len(log.last_lines) == 1

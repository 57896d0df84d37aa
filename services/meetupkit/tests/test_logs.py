import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest
from meetupkit import logs
from meetupkit.log_entries import TerminalFormatter


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("meetup-example", version="1.2.3", stream=stream, feed="rsvps")
    yield stream
    root.handlers[:], root.level = handlers, level
    threading.excepthook = threading.__excepthook__
    logging.captureWarnings(capture=False)


def test_an_event_is_one_json_line_with_cloud_loggings_names(written: io.StringIO) -> None:
    logging.getLogger("x").warning("trying\nagain: %s", "é", extra={"event": "retry", "attempt": 2})
    (line,) = written.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["severity"] == "WARNING"
    assert entry["message"] == "trying\nagain: é"
    assert (entry["event"], entry["attempt"], entry["feed"]) == ("retry", 2, "rsvps")
    assert entry["logging.googleapis.com/labels"] == {"feed": "rsvps"}
    assert entry["serviceContext"] == {"service": "meetup-example", "version": "1.2.3"}


def test_an_exception_is_marked_for_error_reporting(written: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("x").exception("it broke")
    entry = json.loads(written.getvalue())
    assert entry["severity"] == "ERROR"
    assert "ReportedErrorEvent" in entry["@type"]
    assert entry["message"].startswith("it broke\nTraceback")
    assert (
        entry["logging.googleapis.com/sourceLocation"]["function"] == "test_an_exception_is_marked_for_error_reporting"
    )


def test_the_http_client_does_not_write_addresses(written: io.StringIO) -> None:
    logging.getLogger("urllib3.connectionpool").warning("GET /2/members?key=s3cret")
    assert written.getvalue() == ""


def test_a_terminal_gets_readable_lines() -> None:
    formatter = TerminalFormatter({"feed": "rsvps"})
    record = logging.makeLogRecord({"msg": "connected to %s", "args": ("x",), "levelname": "INFO"})
    assert formatter.format(record).endswith("INFO    rsvps connected to x")


def test_a_thread_that_dies_is_an_event(written: io.StringIO) -> None:
    thread = threading.Thread(target=lambda: [].pop(), name="writer")
    thread.start()
    thread.join()
    entry = json.loads(written.getvalue())
    assert (entry["severity"], entry["event"]) == ("CRITICAL", "thread_died")
    assert "IndexError" in entry["message"]

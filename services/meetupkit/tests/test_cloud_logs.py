"""Against a server that takes entries as Cloud Logging's REST API does, and fails when it is told to."""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from meetup_testkit.child_process import until
from meetupkit.cloud_logs import MOST_WAITING, Client, PodHandler, Resource, Transport, cloud_handler, open_client
from meetupkit.log_entries import JsonFormatter, Origin

ORIGIN = Origin("meetup-example", "1.2.3", {"feed": "rsvps"})


class CloudLogging:
    """What it was sent, in order; ``answers`` are the statuses of the next requests, then 200."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.held = threading.Event()
        self.held.set()
        self.url = ""

    @property
    def messages(self) -> list[str]:
        return [entry["jsonPayload"]["message"] for entry in self.entries]


@pytest.fixture
def service() -> Iterator[CloudLogging]:
    state = CloudLogging()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.held.wait(60)
            status = state.answers.pop(0) if state.answers else 200
            if status == 200:
                state.entries += [{"logName": body["logName"], **entry} for entry in body["entries"]]
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # a client that gave up
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    state.held.set()
    server.shutdown()
    server.server_close()


def client_of(service: CloudLogging) -> Client:
    credentials = AnonymousCredentials()
    return open_client(project="p", credentials=credentials, client_options={"api_endpoint": service.url})


@pytest.fixture
def transport(service: CloudLogging) -> Iterator[Transport]:
    sender = Transport(client_of(service), "meetup-example", Resource(type="global", labels={}))
    yield sender
    service.held.set()
    sender.close()


def send(transport: Transport, message: str) -> None:
    transport.send(logging.makeLogRecord({"levelname": "WARNING", "msg": message}), {"message": message})


def records() -> Iterator[logging.LogRecord]:
    logger = logging.getLogger("x")
    yield logger.makeRecord("x", logging.INFO, "f.py", 7, "trying\nagain: %s", ("é",), None, "f", {"event": "retry"})
    yield logger.makeRecord("x", logging.INFO, "f.py", 7, '{"looks": "like JSON"}', (), None, "f", {"path": os})
    yield logger.makeRecord("x", logging.INFO, "f.py", 7, "", (), None, "f", {"time": "mine", "count": 0, "none": None})
    try:
        raise ValueError("broken")
    except ValueError:
        yield logger.makeRecord("x", logging.ERROR, "f.py", 7, "it broke", (), sys.exc_info(), "f")


@pytest.mark.parametrize("number", range(4))
def test_a_line_in_a_pod_has_the_fields_of_a_line_elsewhere(number: int) -> None:
    (record,) = [record for at, record in enumerate(records()) if at == number]
    elsewhere = json.loads(JsonFormatter(ORIGIN).format(record))
    stream = io.StringIO()
    PodHandler(ORIGIN, stream).handle(record)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line) == elsewhere


def test_lines_reach_cloud_logging_with_their_fields(service: CloudLogging, transport: Transport) -> None:
    handler = cloud_handler(ORIGIN, client_of(service))
    for record in records():
        handler.handle(record)
    until(lambda: len(service.entries) == 4, "four entries")
    handler.close()
    first, last = service.entries[0], service.entries[3]
    assert first["logName"] == "projects/p/logs/meetup-example"
    assert first["severity"] == "INFO"
    assert first["jsonPayload"]["event"] == "retry"
    assert first["jsonPayload"]["serviceContext"] == {"service": "meetup-example", "version": "1.2.3"}
    assert first["labels"]["feed"] == "rsvps"
    assert last["severity"] == "ERROR"
    assert last["jsonPayload"]["message"].startswith("it broke\nTraceback")


def test_a_batch_that_failed_is_sent_again_under_the_same_id(service: CloudLogging, transport: Transport) -> None:
    service.answers = [503, 500, 429]
    send(transport, "line")
    until(lambda: service.messages == ["line"], "the line")
    assert service.entries[0]["insertId"]


def test_a_refusal_is_one_warning_here_and_the_next_line_is_sent(
    service: CloudLogging, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    service.answers = [403]
    send(transport, "refused")
    until(lambda: any("did not reach Cloud Logging" in record.getMessage() for record in caplog.records), "a warning")
    send(transport, "taken")
    until(lambda: service.messages == ["taken"], "what was taken")


def test_a_line_never_waits_and_too_many_are_counted(
    service: CloudLogging, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    service.held.clear()
    send(transport, "first")
    began = time.process_time()
    for number in range(MOST_WAITING + 500):
        send(transport, str(number))
    assert time.process_time() - began < 30
    service.held.set()
    until(lambda: any("are here alone" in record.getMessage() for record in caplog.records), "a warning")
    until(lambda: len(service.entries) > MOST_WAITING - 500, "what had waited")


ENDING = """
import logging, sys
from google.auth.credentials import AnonymousCredentials
from meetupkit.cloud_logs import cloud_handler, open_client
from meetupkit.log_entries import Origin
client = open_client(project="p", credentials=AnonymousCredentials(), client_options={{"api_endpoint": {url!r}}})
logging.getLogger().addHandler(cloud_handler(Origin("s", "1"), client))
for number in range(1000):
    logging.warning("line %d", number)
{end}
"""


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise RuntimeError('bug')"])
def test_a_process_that_ends_has_sent_its_last_lines(service: CloudLogging, end: str) -> None:
    script = ENDING.format(url=service.url, end=end)
    # No metadata server answers here, and the library asks for it with patience to learn where it runs.
    environ = {**os.environ, "GCE_METADATA_TIMEOUT": "1", "NO_GCE_CHECK": "true"}
    subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, check=False, timeout=60)
    assert service.messages == [f"line {number}" for number in range(1000)]


@pytest.mark.faults
def test_a_process_ends_although_cloud_logging_is_silent(service: CloudLogging) -> None:
    service.held.clear()
    environ = {**os.environ, "NO_GCE_CHECK": "true"}
    script = ENDING.format(url=service.url, end="")
    subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, check=True, timeout=60)


def test_without_credentials_there_is_one_sentence_and_the_lines_stay_here() -> None:
    script = "import logging\nfrom meetupkit import logs\nlogs.configure('s', version='1')\nlogging.warning('a line')\n"
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "KUBERNETES_"))},
        "LOGS": "cloud",
        "NO_GCE_CHECK": "true",
        "HOME": "/nonexistent",
    }
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, check=True, timeout=60, text=True
    )
    first, second = (json.loads(line) for line in ended.stderr.splitlines())
    assert "no Google credentials" in first["message"]
    assert second["message"] == "a line"


def test_every_line_of_a_pod_goes_through_the_librarys_handler() -> None:
    script = (
        "import logging, sys\n"
        "from meetupkit import logs\n"
        "logs.configure('s', version='1', feed='rsvps')\n"
        "logging.warning('a line', extra={'event': 'e'})\n"
        "print([cls.__name__ for cls in type(logging.getLogger().handlers[0]).__mro__])\n"
    )
    environ = {**os.environ, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, check=True, timeout=60, text=True
    )
    assert "StructuredLogHandler" in ended.stdout
    (line,) = ended.stderr.splitlines()
    assert json.loads(line)["logging.googleapis.com/labels"] == {"feed": "rsvps"}
    assert json.loads(line)["event"] == "e"

"""What BigQuery answers, and what becomes of it: on a server that answers as the test says."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from meetup_insight.errors import WarehouseRefused, WarehouseUnavailable
from meetup_insight.warehouse.bigquery.jobs import Jobs
from meetupkit.settings import EXIT_CODE

from services.insight.tests.conftest import KEY

DATASET = {"datasetReference": {"projectId": "project", "datasetId": "dataset"}, "location": "EU"}
DROP = 0
"""In place of a status: the connection ends without an answer."""


class Service(ThreadingHTTPServer):
    """Knows one dataset; ``answers`` are given to the next starts of jobs, then each job is taken on and done."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.dataset: tuple[int, Any] = (200, DATASET)
        self.answers: list[tuple[int, Any]] = []
        self.started: list[str] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.errors: list[dict[str, str]] = []
        """What the next jobs end with."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, body: dict[str, Any]) -> tuple[int, Any]:
        reference = body["jobReference"]
        known = reference["jobId"] in self.jobs
        self.started.append(reference["jobId"])
        if known:
            return 409, error("Already Exists: Job", "duplicate", 409)
        if self.answers and self.answers[0][0] != DROP:
            return self.answers.pop(0)
        status: dict[str, Any] = {"state": "DONE"}
        if self.errors:
            status["errorResult"] = self.errors.pop(0)
        job = self.jobs[reference["jobId"]] = {**body, "status": status, "statistics": {"query": {}}}
        return self.answers.pop(0) if self.answers else (200, job)


class Answering(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        self.say(*self.server.take(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.endswith("/datasets/dataset"):
            self.say(*self.server.dataset)
        elif "/queries/" in path:
            self.say(200, {"jobComplete": True, "totalRows": "0", "schema": {"fields": []}})
        else:
            self.say(200, self.server.jobs[path.rpartition("/")[2]])

    def say(self, status: int, body: Any) -> None:
        self.close_connection = True
        if status == DROP:
            return
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


def error(message: str, reason: str, code: int) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "errors": [{"message": message, "reason": reason}]}}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with Service() as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", found.url)
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def jobs(service: Service) -> Iterator[Jobs]:
    found = Jobs("project", "dataset", "writer", threading.Event())
    yield found
    found.close()


def test_a_job_whose_answer_is_lost_is_found_again_and_not_started_twice(service: Service, jobs: Jobs) -> None:
    service.answers = [(DROP, None)]
    jobs.run("INSERT INTO t VALUES (1)")
    assert len(service.jobs) == 1
    assert len(set(service.started)) == 1
    assert len(service.started) == 2


@pytest.mark.parametrize(
    ("status", "reason"), [(503, "backendError"), (500, "internalError"), (429, "x"), (403, "rateLimitExceeded")]
)
def test_what_may_pass_is_tried_again(status: int, reason: str, service: Service, jobs: Jobs) -> None:
    service.answers = [(status, error("later", reason, status))] * 2
    jobs.run("SELECT 1")
    assert len(service.started) == 3
    assert len(set(service.started)) == 1


@pytest.mark.parametrize(
    "ended",
    [
        {"reason": "invalidQuery", "message": "Transaction is aborted due to concurrent update against table t"},
        {"reason": "backendError", "message": "later"},
        {"reason": "jobRateLimitExceeded", "message": "later"},
    ],
)
def test_a_transaction_that_was_rolled_back_is_sent_again_as_a_job_of_its_own(
    ended: dict[str, str], service: Service, jobs: Jobs
) -> None:
    service.errors = [ended]
    jobs.run("COMMIT")
    assert len(service.jobs) == 2


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, error("Not found: Dataset project:dataset", "notFound", 404), "Not found: Dataset"),
        (403, error("Access Denied: Dataset", "accessDenied", 403), "Access Denied"),
        (400, error("Invalid project ID", "invalid", 400), "Invalid project ID"),
        (302, {}, "redirects"),
    ],
)
def test_what_the_operator_must_correct_is_one_sentence(
    status: int, body: Any, said: str, service: Service, jobs: Jobs
) -> None:
    service.dataset = (status, body)
    with pytest.raises(WarehouseRefused, match=said) as refused:
        jobs.run("SELECT 1")
    assert str(refused.value).startswith("bigquery://project/dataset")
    assert "\n" not in str(refused.value)
    assert not service.started


def test_an_error_of_a_statement_is_not_tried_again(service: Service, jobs: Jobs) -> None:
    service.errors = [{"reason": "invalidQuery", "message": "Unrecognized name: x\x1b[31m at [1:8]"}]
    with pytest.raises(WarehouseRefused, match="Unrecognized name: x") as refused:
        jobs.run("SELECT x")
    assert "\x1b" not in str(refused.value)
    assert len(service.started) == 1


def test_another_build_ends_this_one_at_once(service: Service, jobs: Jobs) -> None:
    service.errors = [{"reason": "invalidQuery", "message": "meetup_insight_another_build at [3:1]"}]
    with pytest.raises(WarehouseUnavailable, match="being written by another build"):
        jobs.run("COMMIT")
    assert len(service.started) == 1


def run(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "INSIGHT_OBJECTS": "file:///nowhere",
        "INSIGHT_WAREHOUSE": "bigquery://project/dataset",
        "INSIGHT_HASH_KEY": KEY,
        "PATH": "/usr/bin",
        **environ,
    }
    return subprocess.run(
        [sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=False, timeout=100
    )


BUILD = "import sys; sys.argv = ['meetup-insight', 'build']; from meetup_insight.__main__ import main; main()"
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "google.cloud.bigquery":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


def test_without_google_s_client_a_sentence_says_what_to_install() -> None:
    found = run(WITHOUT + BUILD)
    assert found.returncode == EXIT_CODE
    assert found.stderr.splitlines()[-1].endswith("install meetup-insight[bigquery]")
    assert "Traceback" not in found.stderr


def test_without_credentials_a_sentence_says_what_to_do(tmp_path: Any) -> None:
    found = run(BUILD, HOME=str(tmp_path), NO_GCE_CHECK="true")
    assert found.returncode == EXIT_CODE
    assert "no Google credentials" in found.stderr.splitlines()[-1]
    assert "Traceback" not in found.stderr


def test_a_dataset_that_is_not_there_ends_the_build_in_a_sentence(service: Service) -> None:
    service.dataset = (404, error("Not found: Dataset project:dataset", "notFound", 404))
    found = run(BUILD, BIGQUERY_EMULATOR_HOST=service.url)
    assert found.returncode == EXIT_CODE
    assert "bigquery://project/dataset" in found.stderr.splitlines()[-1]
    assert "Traceback" not in found.stderr

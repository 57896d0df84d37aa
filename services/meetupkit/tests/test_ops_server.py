import socket

import requests
from meetupkit.http.ops_server import OpsServer
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress
from prometheus_client import CollectorRegistry, Counter


class Service:
    """A service whose clock and readiness a test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.unavailable_reason: str | None = None
        self.registry = CollectorRegistry()
        self.progress = Progress(lambda: self.now)
        self.pages = OpsPages(self.registry, self.progress, lambda: self.unavailable_reason)


def get(service: Service, path: str) -> requests.Response:
    with OpsServer(service.pages, host="127.0.0.1", port=0) as ops:
        return requests.get(f"http://127.0.0.1:{ops.port}{path}", timeout=60)


def test_metrics_are_of_the_own_registry_alone() -> None:
    service = Service()
    Counter("meetup_example", "An example", registry=service.registry).inc()
    answer = get(service, "/metrics")
    assert answer.status_code == 200
    assert "meetup_example_total 1.0" in answer.text
    assert "python_info" not in answer.text


def test_a_service_that_stands_still_is_not_alive() -> None:
    service = Service()
    service.progress.moving("writer", within=5)
    assert get(service, "/livez").status_code == 200
    service.now = 12
    answer = get(service, "/livez")
    assert (answer.status_code, answer.text) == (503, "writer is 7 s late\n")


def test_a_service_that_is_not_ready_says_why() -> None:
    service = Service()
    assert get(service, "/readyz").status_code == 200
    service.unavailable_reason = "not connected: refused"
    answer = get(service, "/readyz")
    assert (answer.status_code, answer.text) == (503, "not connected: refused\n")


def test_a_ready_service_says_what_does_not_work_all_the_same() -> None:
    pages = OpsPages(CollectorRegistry(), Progress(), lambda: None, lambda: "the key is refused")
    answer = pages.answer("/readyz")
    assert (answer.status, answer.body) == (200, b"ready, but: the key is refused\n")


def test_another_path_is_not_found() -> None:
    assert get(Service(), "/metrics/../../etc/passwd").status_code == 404


def test_a_connection_that_says_nothing_keeps_no_other_waiting() -> None:
    with (
        OpsServer(Service().pages, host="127.0.0.1", port=0) as ops,
        socket.create_connection(("127.0.0.1", ops.port)),
    ):
        assert requests.get(f"http://127.0.0.1:{ops.port}/livez", timeout=60).status_code == 200

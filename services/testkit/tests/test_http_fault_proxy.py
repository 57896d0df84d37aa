"""The HTTP proxy with faults, before the simulator itself."""

import pytest
import requests
from meetup_testkit.http_fault_proxy import HttpFaultProxy
from meetup_testkit.simulator_plugin import StartHttpFaultProxy, StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess

RECORDS = 50


@pytest.fixture
def meetup(simulator: StartSimulator) -> SimulatorProcess:
    return simulator("--rate=0", f"--count={RECORDS}", "--rate-limit=30/10")


@pytest.fixture
def proxy(meetup: SimulatorProcess, http_fault_proxy: StartHttpFaultProxy) -> HttpFaultProxy:
    return http_fault_proxy(meetup.port)


def members(proxy: HttpFaultProxy, session: requests.Session) -> requests.Response:
    parameters = {"member_id": "7", "key": "development-key"}
    return session.get(f"{proxy.url}/2/members", params=parameters, timeout=30)


def test_an_answer_passes_as_it_is(proxy: HttpFaultProxy) -> None:
    with requests.Session() as session:
        for _ in range(3):
            answer = members(proxy, session)
            assert answer.ok
            assert answer.json()["meta"]["method"] == "Members"
    assert (proxy.fired, proxy.passed) == (0, 3)


def test_a_body_passes_as_it_is(meetup: SimulatorProcess, proxy: HttpFaultProxy) -> None:
    armed = requests.post(
        f"{proxy.url}/faults", json={"kind": "status", "status": 503, "path": "/2/members"}, timeout=60
    )
    assert armed.json()["kind"] == "status"


def test_an_endless_answer_passes_as_it_comes(meetup: SimulatorProcess, proxy: HttpFaultProxy) -> None:
    with requests.get(f"{proxy.url}/2/rsvps", stream=True, timeout=30) as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(RECORDS)] == meetup.published("rsvps")


def test_one_request_of_ten_is_answered_with_the_status(proxy: HttpFaultProxy) -> None:
    proxy.answer(429, every=10, headers={"Retry-After": "3"})
    with requests.Session() as session:
        answers = [members(proxy, session) for _ in range(20)]
    assert [answer.status_code for answer in answers] == ([429] + [200] * 9) * 2
    assert answers[10].headers["Retry-After"] == "3"
    assert (proxy.fired, proxy.passed) == (2, 18)


def test_a_healed_proxy_answers_nothing_itself(proxy: HttpFaultProxy) -> None:
    proxy.answer(500)
    with requests.Session() as session:
        assert members(proxy, session).status_code == 500
        proxy.heal()
        assert members(proxy, session).ok
    assert proxy.fired == 1


def test_a_header_of_the_answer_is_replaced(proxy: HttpFaultProxy) -> None:
    proxy.replace_headers({"X-RateLimit-Reset": "99999999999"})
    with requests.Session() as session:
        answer = members(proxy, session)
    assert answer.ok
    assert answer.headers["X-RateLimit-Reset"] == "99999999999"
    assert answer.headers["X-RateLimit-Limit"] == "30"
    assert proxy.fired == 1


def test_open_answers_end_when_asked(proxy: HttpFaultProxy) -> None:
    with requests.get(f"{proxy.url}/2/rsvps", stream=True, timeout=30) as answer:
        proxy.end_open()
        with pytest.raises(requests.RequestException):
            list(answer.iter_content(1024))


def test_an_upstream_that_is_down_ends_the_connection(http_fault_proxy: StartHttpFaultProxy) -> None:
    proxy = http_fault_proxy(9)
    with pytest.raises(requests.ConnectionError):
        requests.get(proxy.url, timeout=30)

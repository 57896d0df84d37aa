"""The HTTP API over real HTTP, from the outside."""

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from meetup_enricher.http.app import ACCEPTING, READING
from meetup_enricher.http.body import MAX_BODY_BYTES
from meetup_enricher.kinds import MAX_ID
from meetup_testkit.service_process import until

from services.enricher.tests.enricher_doubles import MeetupApi, Reply, Running

Run = Callable[..., Any]
NOTHING = {"queued": 0, "already_queued": 0, "fresh": 0, "missing": 0}


@pytest.fixture
def api(running: Run, meetup: MeetupApi) -> Iterator[Running]:
    """A service whose look-ups wait for long, so that what is queued stays queued."""
    with running(linger_seconds="600") as service:
        yield service


@pytest.fixture
def guarded(running: Run) -> Iterator[Running]:
    """A service with a token."""
    with running(linger_seconds="600", token=TOKEN) as service:
        yield service


def post(api: Running, body: bytes | str, **headers: str) -> requests.Response:
    headers = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return requests.post(
        f"{api.url}/v1/enrichments", data=body.encode() if isinstance(body, str) else body, headers=headers, timeout=30
    )


@contextmanager
def connection(api: Running) -> Iterator[socket.socket]:
    port = int(api.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as made:
        yield made


def head(length: int | None, *more: str) -> bytes:
    size = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
    lines = ["POST /v1/enrichments HTTP/1.1", "Host: x", "Content-Type: application/json", size, *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer_on(made: socket.socket) -> bytes:
    """Everything until the server closes."""
    parts = []
    while part := made.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def test_accepted_ids_are_durable_when_the_answer_comes(api: Running) -> None:
    assert api.post(members=[1, 2, 2], groups=[7]) == {
        "members": {**NOTHING, "queued": 2},
        "groups": {**NOTHING, "queued": 1},
    }
    assert (api.store.count("members_queue"), api.store.count("groups_queue")) == (2, 1)


def test_ids_that_are_queued_already_are_not_queued_twice(api: Running) -> None:
    api.post(members=[1, 2])
    assert api.post(members=[2, 3]) == {
        "members": {**NOTHING, "queued": 1, "already_queued": 1},
        "groups": NOTHING,
    }


def test_the_largest_id_is_an_id(api: Running) -> None:
    assert api.post(members=[MAX_ID])["members"]["queued"] == 1
    assert api.get(f"/v1/members/{MAX_ID}").status_code == 202


@pytest.mark.parametrize("item", ["0", "-5", "1e400", '"7"', "7.5", "true", str(MAX_ID + 1)])
def test_what_is_no_id_is_answered_422_naming_the_item_and_nothing_is_queued(api: Running, item: str) -> None:
    answer = post(api, f'{{"members":[1,2,3,{item}]}}')
    if item == "1e400":
        assert answer.status_code in {400, 422}
    else:
        assert answer.status_code == 422
        assert answer.json()["detail"][0].startswith("members[3]: must be a whole number")
    assert api.store.count("members_queue") == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ('{"members":[NaN]}', 400),
        (b'{"members":["\xff"]}', 400),
        ("[" * 100_000, 400),
        ("[]", 422),
        ('{"member":[1]}', 422),
        ('{"members":[1],"x":1}', 422),
        ("{}", 422),
        (json.dumps({"members": list(range(1, 10_002))}), 422),
    ],
)
def test_a_bad_body_is_answered_with_its_reason(api: Running, body: str | bytes, status: int) -> None:
    answer = post(api, body)
    assert answer.status_code == status
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
)
def test_another_content_type_is_refused(api: Running, content_type: str) -> None:
    assert post(api, '{"members":[1]}', Content_Type=content_type).status_code == 415


def test_utf_8_may_be_said_and_a_compressed_body_is_refused(api: Running) -> None:
    assert post(api, '{"members":[1]}', Content_Type='application/json; charset="UTF-8"').status_code == 202
    assert post(api, '{"members":[1]}', Content_Encoding="gzip").status_code == 415


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(api: Running) -> None:
    with connection(api) as made:
        made.sendall(head(MAX_BODY_BYTES + 1))
        assert answer_on(made).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_unsaid_length_is_read_up_to_the_bound(api: Running) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    headers = {"Content-Type": "application/json"}
    try:
        status = requests.post(f"{api.url}/v1/enrichments", data=chunks(), headers=headers, timeout=30).status_code
    except requests.ConnectionError:
        status = 413  # it closed before all was sent, so that the answer could not be read
    assert status == 413
    assert api.post(members=[1])["members"]["queued"] == 1


def alive_on(made: socket.socket) -> bool:
    """Whether a probe on the connection is answered; not if it was closed before it came."""
    answer = b""
    with suppress(ConnectionError):
        made.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        while not answer.endswith(b"alive\n") and (part := made.recv(65_536)):
            answer += part
    return answer.endswith(b"alive\n")


def test_a_sender_that_drips_its_body_is_cut(running: Run) -> None:
    with running(body_seconds=0.3, linger_seconds="600") as api, connection(api) as made:
        made.sendall(head(100) + b'{"members"')
        assert answer_on(made).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"", b"POST /v1/enrich", b"POST / HTTP/1.1\r\nHost: x\r\nA: "])
def test_a_sender_that_does_not_finish_its_head_is_cut(running: Run, sent: bytes) -> None:
    with running(head_seconds=0.3, linger_seconds="600") as api, connection(api) as made:
        made.sendall(sent)
        assert answer_on(made) == b""


def test_a_second_request_that_does_not_finish_its_head_is_cut(running: Run) -> None:
    with running(head_seconds=0.3, linger_seconds="600") as api, ExitStack() as opened:
        made = until(lambda: _one_that_is_alive(api, opened), "a first request within its time")
        made.sendall(b"GET /")
        assert answer_on(made) == b""


def _one_that_is_alive(api: Running, opened: ExitStack) -> socket.socket | None:
    made = opened.enter_context(connection(api))
    return made if alive_on(made) else None


def test_a_sender_that_hangs_up_in_the_middle_harms_nobody(api: Running) -> None:
    with connection(api) as made:
        made.sendall(head(100) + b'{"members":[1')
    assert api.post(members=[5])["members"]["queued"] == 1
    assert api.store.count("members_queue") == 1


def test_a_profile_is_answered_as_it_was_stored(running: Run, meetup: MeetupApi) -> None:
    with running() as api:
        api.post(groups=[7])
        api.await_empty()
        answer = api.get("/v1/groups/7")
        assert answer.status_code == 200
        body = answer.json()
        assert (body["id"], body["fresh"], body["queued"]) == (7, True, False)
        assert body["profile"] == {"id": 7, "name": "name of 7"}
        assert abs(body["fetched_at"] / 1000 - time.time()) < 300
        assert api.get("/v1/members/7").status_code == 404


def test_a_queued_an_unknown_and_a_missing_id_are_told_apart(running: Run, meetup: MeetupApi) -> None:
    meetup.absent = {8}
    with running() as api:
        api.post(members=[8])
        api.await_empty()
        missing, unknown = api.get("/v1/members/8"), api.get("/v1/members/9")
        assert (missing.status_code, missing.json()["status"], missing.json()["reason"]) == (404, "missing", "absent")
        assert (unknown.status_code, unknown.json()["status"]) == (404, "unknown")
        meetup.override = lambda call: Reply(503)
        api.post(members=[10])
        assert (api.get("/v1/members/10").status_code, api.get("/v1/members/10").json()["status"]) == (202, "queued")


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", str(MAX_ID + 1), "9" * 500])
def test_a_path_that_names_no_id_is_a_422(api: Running, text: str) -> None:
    assert api.get(f"/v1/members/{text}").status_code == 422


def test_the_queue_tells_depth_and_age(api: Running) -> None:
    assert api.get("/v1/queue").json()["groups"] == {"depth": 0, "oldest_seconds": 0}
    api.post(groups=[1, 2, 3])
    assert api.get("/v1/queue").json()["groups"]["depth"] == 3


def test_a_store_that_is_held_up_is_a_503_and_said_by_readyz_until_it_is_back(running: Run, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "documents.db", isolation_level=None)
    with running(linger_seconds="600", busy_seconds=0.2) as api:
        other.execute("BEGIN EXCLUSIVE")
        answer = post(api, '{"members":[1]}')
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "document store" in answer.json()["detail"][0]
        assert (api.get("/readyz").status_code, "document store" in api.get("/readyz").text) == (503, True)
        assert api.get("/livez").status_code == 200
        other.execute("ROLLBACK")
        other.close()
        assert post(api, '{"members":[1]}').status_code == 202
        until(lambda: api.get("/readyz").text == "ready\n", "an answer to each who waited")


def test_the_pages_are_on_the_same_port(api: Running) -> None:
    assert api.get("/livez").text == "alive\n"
    assert api.get("/readyz").text == "ready\n"
    until(lambda: 'meetup_enricher_queue_depth{kind="members"} 0.0' in api.get("/metrics").text, "the queue's depth")
    assert api.get("/docs").status_code == 404


def test_probes_are_answered_and_senders_told_to_come_back_while_the_store_hangs(running: Run, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "documents.db", isolation_level=None)
    with running(linger_seconds="600", busy_seconds=60) as api, ThreadPoolExecutor(2 * ACCEPTING) as senders:
        other.execute("BEGIN EXCLUSIVE")
        asked = [senders.submit(post, api, f'{{"members":[{each}]}}') for each in range(1, 2 * ACCEPTING + 1)]
        until(lambda: sum(each.done() for each in asked) == ACCEPTING, "as many refusals as there are too many senders")
        assert api.get("/livez").status_code == 200
        assert api.get("/metrics").status_code == 200
        other.execute("ROLLBACK")
        answers = sorted(each.result().status_code for each in asked)
    other.close()
    assert answers == [202] * ACCEPTING + [503] * ACCEPTING


def test_readers_are_told_to_come_back_while_the_store_hangs_and_keep_no_stream_from_being_heard(
    running: Run, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "documents.db", isolation_level=None)
    with running(linger_seconds="600", busy_seconds=60) as api, ThreadPoolExecutor(4 * READING) as senders:
        other.execute("BEGIN EXCLUSIVE")
        asked = [senders.submit(api.get, f"/v1/members/{each}") for each in range(1, 3 * READING)]
        until(lambda: sum(each.done() for each in asked) >= 2 * READING - 1, "refusals of those too many")
        accepted = senders.submit(post, api, '{"members":[1]}')
        assert api.get("/livez").status_code == 200
        other.execute("ROLLBACK")
        assert accepted.result().status_code == 202
        assert {each.result().status_code for each in asked} <= {404, 503, 202}
    other.close()


TOKEN = "a-token-of-some-length"
WRONG = {
    "none": {},
    "empty": {"Authorization": ""},
    "another": {"Authorization": "Bearer another-token-of-length"},
    "a part": {"Authorization": f"Bearer {TOKEN[:-1]}"},
    "more": {"Authorization": f"Bearer {TOKEN}x"},
    "another case": {"Authorization": f"Bearer {TOKEN.upper()}"},
    "no scheme": {"Authorization": TOKEN},
    "basic": {"Authorization": f"Basic {TOKEN}"},
    "beyond ASCII": {"Authorization": f"Bearer {TOKEN}\xff"},
    "long": {"Authorization": "Bearer " + "x" * 10_000},
    "in the query": {"X-Token": TOKEN},
}


@pytest.mark.parametrize("path", ["/v1/queue", "/v1/members/1", "/v1/groups/1", "/v1/nothing", "/openapi.json"])
@pytest.mark.parametrize("name", WRONG)
def test_without_the_token_nothing_is_answered_but_401(guarded: Running, path: str, name: str) -> None:
    answer = requests.get(f"{guarded.url}{path}", headers=WRONG[name], timeout=30)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("name", WRONG)
def test_without_the_token_no_id_is_queued(guarded: Running, name: str) -> None:
    assert post(guarded, '{"members":[1]}', **WRONG[name]).status_code == 401
    assert guarded.store.count("members_queue") == 0


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_with_the_token_ids_are_taken_and_probes_need_none(guarded: Running, scheme: str) -> None:
    assert post(guarded, '{"members":[1]}', Authorization=f"{scheme} {TOKEN}").status_code == 202
    assert [guarded.get(path).status_code for path in ("/livez", "/readyz", "/metrics")] == [200, 200, 200]


def test_a_body_of_someone_without_the_token_is_not_waited_for(guarded: Running) -> None:
    with connection(guarded) as made:
        made.sendall(head(100) + b'{"members"')
        assert answer_on(made).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("path", ["/v1/enrichments/", "/v1/queue/", "//v1/queue", "/livez/"])
def test_a_path_that_is_nearly_one_of_ours_is_not_found_and_not_redirected(api: Running, path: str) -> None:
    answer = requests.get(f"{api.url}{path}", headers={"Host": "evil.example"}, allow_redirects=False, timeout=30)
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)

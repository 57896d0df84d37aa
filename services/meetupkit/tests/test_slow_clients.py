"""Clients that hold connections instead of using them cost a good one nothing, and probes are always answered."""

import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from services.meetupkit.tests.raw_http import Served, many, read_all, read_answer, status_of

HEAD: Final = b"POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
GOOD: Final = HEAD + b"abcde"
HELD: Final = {
    "silent": b"",
    "half a line": b"GET /li",
    "half a head": b"GET /livez HTTP/1.1\r\nHost: a\r\nA: ",
    "half a body": HEAD + b"ab",
    "half a chunk": b"POST /take HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "idle after an answer": GOOD,
}


@pytest.mark.parametrize("begun", HELD.values(), ids=HELD)
def test_however_many_connections_are_held_a_good_request_is_answered(begun: bytes) -> None:
    with Served(connections=32) as served, many(served, 200, begun):
        for _ in range(20):
            assert status_of(served.ask(GOOD.replace(b"Host", b"Connection: close\r\nHost"))) == 200
            assert served.probe() == 200


def test_while_all_that_may_be_open_is_worked_on_a_probe_is_answered() -> None:
    with Served(connections=8) as served, many(served, 8, b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"):
        while served.app.slow < 6:  # as many threads as asyncio has at least
            time.sleep(0.01)
        assert served.probe() == 200


@pytest.mark.parametrize("begun", [HELD["silent"], HELD["half a line"], HELD["half a head"]])
def test_a_head_that_does_not_come_in_time_is_cut_off(begun: bytes) -> None:
    with Served(head=0.3) as served:
        assert served.ask(begun) == b""


def test_a_head_that_drips_is_cut_off_in_its_whole_time() -> None:
    with Served(head=0.5) as served, served.connect() as made:
        made.settimeout(0.02)
        began = time.monotonic()
        while time.monotonic() < began + 60:
            try:
                made.sendall(b"A")
                if made.recv(10) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert time.monotonic() < began + 60


@pytest.mark.parametrize("begun", [HELD["half a body"], HELD["half a chunk"]])
def test_a_body_that_does_not_come_in_time_is_answered_408(begun: bytes) -> None:
    with Served(body=0.3) as served:
        assert status_of(served.ask(begun)) == 408
        assert served.app.seen == []


def test_an_idle_connection_ends_in_its_time() -> None:
    with Served(idle=0.3) as served, served.connect() as made:
        made.sendall(GOOD)
        assert status_of(read_answer(made)) == 200
        assert read_all(made) == b""


def test_a_client_that_takes_no_answer_holds_up_nobody() -> None:
    with Served(connections=8) as served, many(served, 8, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"):
        assert served.probe() == 200


_ROOT: Final = Path(__file__).parents[3]
_FEW_DESCRIPTORS: Final = """
import logging, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, HARD))
logging.basicConfig(stream=sys.stderr)
from services.meetupkit.tests.raw_http import Served
with Served(connections=500) as served:
    print(served.server.port, resource.getrlimit(resource.RLIMIT_NOFILE)[0], flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(("hard", "raised"), [(256, 256), (100, 100)])
def test_with_its_descriptors_used_up_it_serves_on_and_hardly_logs(tmp_path: Path, hard: int, raised: int) -> None:
    """A process of its own, whose soft limit is raised to the hard one."""
    log = tmp_path / "log"
    code = _FEW_DESCRIPTORS.replace("HARD", str(hard))
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink, cwd=_ROOT
        ) as child,
    ):
        assert child.stdout
        assert child.stdin
        port, soft = map(int, child.stdout.readline().split())
        assert soft == raised
        held = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(400)]
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as made:
                made.sendall(GOOD)
                assert status_of(read_answer(made)) == 200
        for one in held:
            one.close()
        child.stdin.close()
    assert child.returncode == 0
    assert log.stat().st_size < 4_000


def test_the_descriptors_of_this_process_are_enough_for_the_test() -> None:
    """Or the tests above would measure their own limit."""
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 600


def test_one_that_has_just_come_is_not_closed_for_those_that_hold_back_their_bodies() -> None:
    """Its head is on the way: among slow clients that come again and again, it is the one to keep."""
    with Served(connections=8) as served, many(served, 8, HELD["half a body"]), served.connect() as good:
        for _ in range(7):
            with served.connect() as another:
                another.sendall(HELD["half a body"])
                assert served.probe() == 200
        good.sendall(GOOD)
        assert status_of(read_answer(good)) == 200

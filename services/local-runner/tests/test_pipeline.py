"""Children that are small programs: what a pipeline does when they are late, end, refuse, or will not stop."""

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from meetup_local_runner.pipeline import ChildFailed, ChildRefused, Pipeline
from meetup_local_runner.plan import Address, OwnPort, Process, Value
from meetup_testkit.child_process import WAIT_SECONDS, until

_SERVER = """
import json, os, signal, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        late = os.environ.get("WHY_NOT", "")
        self.send_response(503 if late else 200)
        self.end_headers()
        self.wfile.write((late or "ready").encode())
    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Pages)
print(json.dumps({"event": "listening", "message": "listening", "port": server.server_address[1]}), flush=True)
signal.signal(signal.SIGTERM, signal.SIG_IGN if "STUBBORN" in os.environ else lambda *_: sys.exit(0))
server.serve_forever()
"""


def server(name: str, **environ: Value) -> Process:
    """A process that listens, says where and answers ``/readyz``."""
    return Process(name, sys.executable, ("-c", _SERVER), {"PORT": OwnPort(), **environ})


def program(name: str, code: str, **environ: Value) -> Process:
    return Process(name, sys.executable, ("-c", code), environ)


Start = Callable[..., Pipeline]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Makes pipelines, and leaves nothing of them behind."""
    with ExitStack() as stack:

        def make(*processes: Process, clock: Callable[[], float] = time.monotonic) -> Pipeline:
            pipeline = Pipeline(processes, logs=tmp_path, environ=dict(os.environ), clock=clock)
            stack.callback(pipeline.stop, lambda _: None, time.sleep)
            stack.callback(pipeline.kill)
            return pipeline

        yield make


def step_until(condition: Callable[[], bool], step: Callable[[], None]) -> None:
    """Step at least once, until the condition holds."""

    def holds() -> bool:
        step()
        return condition()

    until(holds, "what the steps lead to")


def pid_of(tmp_path: Path, name: str) -> psutil.Process:
    """The child whose log is that of ``name``."""
    log = str(tmp_path / f"{name}.log")
    (found,) = [
        child for child in psutil.Process().children() if child.is_running() and os.path.realpath(_stdout(child)) == log
    ]
    return found


def _stdout(process: psutil.Process) -> str:
    return f"/proc/{process.pid}/fd/1"


def test_a_process_starts_when_what_it_needs_is_ready(start: Start, tmp_path: Path) -> None:
    pipeline = start(server("second", NEEDED=Address("first", "/x")), server("first"))

    pipeline.start_next()
    assert not (tmp_path / "second.log").exists()
    step_until(lambda: pipeline.all_ready, pipeline.start_next)

    needed = pid_of(tmp_path, "second").environ()["NEEDED"]
    first = next(status for status in pipeline.statuses() if status.name == "first")
    assert first.page == needed.removesuffix("/x") + "/metrics"


def test_a_process_that_ends_while_it_starts_is_named_with_the_end_of_its_log(start: Start) -> None:
    pipeline = start(program("frail", "raise SystemExit('there is no room')"))

    with pytest.raises(ChildFailed, match=r"frail ended while it started \(exit code 1\)(.|\n)*there is no room"):
        step_until(lambda: False, pipeline.start_next)


def test_a_refusal_is_told_in_the_process_s_own_words(start: Start) -> None:
    pipeline = start(program("picky", "import sys; print('PICKY_URL: not an address'); sys.exit(2)"))

    with pytest.raises(ChildRefused, match=r"picky does not start: PICKY_URL: not an address$"):
        step_until(lambda: False, pipeline.start_next)


def test_who_is_late_is_named_with_its_own_reason(start: Start) -> None:
    pipeline = start(server("prompt"), server("slow", WHY_NOT="the store does not answer"))

    step_until(lambda: "the store does not answer" in pipeline.why_late(60), pipeline.start_next)

    assert pipeline.why_late(60).startswith("slow is not ready after 60 s: the store does not answer; the end of ")


def test_a_process_that_ended_comes_back_at_its_address_and_is_counted(start: Start, tmp_path: Path) -> None:
    pipeline = start(server("tough"))
    step_until(lambda: pipeline.all_ready, pipeline.start_next)
    (before,) = pipeline.statuses()

    pid_of(tmp_path, "tough").kill()
    step_until(lambda: not pipeline.all_ready, pipeline.tend)

    def step() -> None:
        pipeline.tend()
        pipeline.ask()

    step_until(lambda: pipeline.all_ready, step)
    (after,) = pipeline.statuses()
    assert (after.page, after.restarts) == (before.page, 1)


def test_a_process_that_will_not_stop_is_killed_in_time_and_the_others_stop_as_they_should(
    start: Start, tmp_path: Path
) -> None:
    """Time passes here while one is waited for that will not stop; an orderly end may take as long as it does."""
    now = [0.0]
    pipeline = start(server("needed"), server("stubborn", STUBBORN="1", NEEDED=Address("needed")), clock=lambda: now[0])
    step_until(lambda: pipeline.all_ready, pipeline.start_next)
    stubborn = pid_of(tmp_path, "stubborn")
    phases: list[str] = []

    def wait(seconds: float) -> None:
        time.sleep(0.02)
        now[0] += seconds if stubborn.is_running() else 0

    pipeline.stop(phases.append, wait, seconds=10)

    assert now[0] < 10
    assert pipeline.killed == ["stubborn"]
    assert phases == ["stopping stubborn", "stopping needed"]
    assert not any(child.is_running() for child in psutil.Process().children() if _is_of(child, tmp_path))


def test_a_last_look_at_the_figures_asks_nobody_more_when_its_time_is_over(start: Start) -> None:
    """Else each feed that does not answer would hold up a Ctrl-C for a second."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        listening = json.dumps({"event": "listening", "message": "listening", "port": deaf.getsockname()[1]})
        code = f"import time; print({listening!r}, flush=True); time.sleep(600)"
        pipeline = start(*(Process(feed, sys.executable, ("-c", code), {}, feed=feed) for feed in ("rsvps", "photos")))
        step_until(lambda: all(status.page for status in pipeline.statuses()), pipeline.start_next)
        deaf.setblocking(False)
        before = _accepted(deaf)
        pipeline.ask_figures(within=0.5)
        assert _accepted(deaf) == 1
        assert before > 0


def test_a_process_is_killed_with_all_it_has_started(start: Start, tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('child', child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    pipeline = start(program("parent", code))
    log = tmp_path / "parent.log"
    step_until(lambda: log.exists() and log.read_text().endswith("\n"), pipeline.start_next)
    grandchild = psutil.Process(int(log.read_text().split()[1]))

    pipeline.kill()

    gone, _ = psutil.wait_procs([grandchild], timeout=WAIT_SECONDS)
    assert gone


def _accepted(server: socket.socket) -> int:
    """How many connections wait there; each is ended."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def _is_of(process: psutil.Process, folder: Path) -> bool:
    return process.status() != psutil.STATUS_ZOMBIE and os.path.realpath(_stdout(process)).startswith(str(folder))

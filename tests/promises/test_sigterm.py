"""A signal to end, at whatever moment: no service hangs, and each ends in order once it can.

Moments in time are random. Moments in the program are not: a signal comes at each line of ours that the main thread
runs, of the start and of the stop, which finds windows of microseconds that no random moment would. A few of both are
tried here; ``SIGTERMS=1000`` tries a thousand random moments of each service and every line; ``-rP`` shows the slowest
end.
"""

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Final

import psutil
import pytest
from meetup_testkit.service_process import until

from .signalled import LONGEST_SECONDS, MODULES, Child, Prefork, Service

TIMES: Final = int(os.environ.get("SIGTERMS", "8"))
"""Moments per service, and lines at most. SIGINT, which goes the same way, gets a fifth of both."""
SEED: Final = os.environ.get("SIGTERMS_SEED", "")
"""Other moments: a thousand may be tried in parts."""
UNSHARE: Final = ("unshare", *(() if os.getuid() == 0 else ("--user", "--map-root-user")), "--pid", "--fork")
"""Runs a program as the first process of a PID namespace of its own."""
START_SECONDS: Final = 0.4
"""Imports apart, a start takes a fifth of a second on an idle machine: half of the random moments lie within it."""
WORK_SECONDS: Final = 0.8
"""The others lie so long after the service listens and has been given work."""
SMALL_PIPE: Final = 4096
"""Bytes: a page, the least there is, and far less than is told of a service's imports."""
NUMBERS: Final = [signal.SIGTERM, signal.SIGINT]


@pytest.mark.faults
@pytest.mark.timeout(60 + TIMES * LONGEST_SECONDS)
@pytest.mark.parametrize("number", NUMBERS, ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("module", MODULES)
def test_a_signal_at_any_time_ends_the_process_in_order(
    tmp_path: Path,
    module: str,
    service: Service,
    number: signal.Signals,
) -> None:
    chance = random.Random(f"{module} {number} {SEED}")
    slowest = 0.0
    with Prefork(service, tmp_path) as prefork:
        done = _times(number)
        for time_ in range(done):
            with prefork.child(str(time_)) as child:
                if time_ % 2:
                    port = until(child.listening, "listening")
                    service.work(f"http://127.0.0.1:{port}")
                moment = chance.uniform(0, WORK_SECONDS if time_ % 2 else START_SECONDS)
                time.sleep(moment)  # the moment is what is tested
                handled = bool(child.events("listening")) or (number == signal.SIGTERM and child.is_caught(number))
                when = f"{moment:.3f} s after it {'listened' if time_ % 2 else 'started'}"
                slowest = max(slowest, _end(prefork, child, number, when))
                _assert_in_order(child, number, handled=handled)
    print(f"{done} moments, the slowest end {slowest:.2f} s")


@pytest.mark.faults
@pytest.mark.timeout(60 + TIMES * LONGEST_SECONDS)
@pytest.mark.parametrize("number", NUMBERS, ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("module", MODULES)
def test_a_signal_at_any_line_of_the_start_or_the_stop_ends_the_process_in_order(
    tmp_path: Path,
    module: str,
    service: Service,
    number: signal.Signals,
) -> None:
    slowest = 0.0
    with Prefork(service, tmp_path) as prefork:
        lines = _lines(prefork, tmp_path / "lines")
        assert lines > 50
        done = min(_times(number), lines)
        chosen = random.Random(f"{module} {number} {SEED}").sample(range(lines), done)
        for line in chosen:
            with prefork.child(str(line), signal=number, line=line) as child:
                until(child.is_signalled_or_listens, f"a signal at line {line}, or listening")
                if not child.events("signalled") and not child.has_ended():
                    os.kill(child.pid, number)  # its line is one of the stop's, or was not run this time
                slowest = max(slowest, _end(prefork, child, None, f"at line {line} of {lines}"))
                signalled = child.events("signalled")
                _assert_in_order(child, number, handled=not signalled or signalled[0]["handled"])
    print(f"{done} moments, the slowest end {slowest:.2f} s")


@pytest.mark.parametrize("module", MODULES)
def test_a_first_process_of_a_container_is_ended_by_a_signal_during_its_imports(tmp_path: Path, module: str) -> None:
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a PID namespace")
    command = [*UNSHARE, sys.executable, "-X", "importtime", "-m", module]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as outer:
        assert outer.stderr
        fcntl.fcntl(outer.stderr, fcntl.F_SETPIPE_SZ, SMALL_PIPE)
        try:
            assert _has_imported(outer.stderr, module)
            [inner] = psutil.Process(outer.pid).children()
            inner.send_signal(signal.SIGTERM)
            said = outer.communicate(timeout=LONGEST_SECONDS)[1]
        finally:
            outer.kill()
    assert outer.returncode == 128 + signal.SIGTERM
    assert "wrong settings" not in said


def _times(number: int) -> int:
    return TIMES if number == signal.SIGTERM else max(1, TIMES // 5)


def _has_imported(told: IO[str], module: str) -> bool:
    """Whether ``-X importtime`` tells of the package itself; ``__main__`` and all that it needs come after it.

    What comes then is not read, and soon waits for room in the pipe, however late the signal comes.
    """
    return any(line.endswith(f" {module}\n") for line in told)


def _lines(prefork: Prefork, count: Path) -> int:
    """How many lines of ours the main thread runs from the start to the end."""
    with prefork.child("count", count=str(count)) as child:
        until(child.listening, "listening")
        _end(prefork, child, signal.SIGTERM, "when it listened")
    return int(count.read_text())


def _end(prefork: Prefork, child: Child, number: int | None, when: str) -> float:
    """Send the signal, if any; how many seconds the end took."""
    began = time.monotonic()
    if number:
        os.kill(child.pid, number)
    if prefork.wait(child) is None:
        pytest.fail(f"still there {LONGEST_SECONDS:g} s after a signal {when}:\n{child.log.read_text()}")
    return time.monotonic() - began


def _assert_in_order(child: Child, number: int, *, handled: bool) -> None:
    """With code 0, once there is a handler; before, and after the last line, by the interpreter's own way to end."""
    log = child.log.read_text() if child.log.exists() else ""
    interpreters_own = child.code in (-number, 128 + number) or (child.code == 1 and "KeyboardInterrupt" in log)
    early_or_late = not handled or bool(child.events("stopped"))
    assert child.code == 0 or (early_or_late and interpreters_own), f"{child.code}\n{log}"

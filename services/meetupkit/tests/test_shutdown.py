"""In processes of their own: a signal is for the whole process."""

import os
import random
import signal
import subprocess
import sys

import pytest

WAITING = """
import sys, threading
from meetupkit.shutdown import Shutdown
with Shutdown() as shutdown:
    def other():
        while not shutdown.requested.wait(0.0001):
            pass
    threading.Thread(target=other).start()
    print("ready", flush=True)
    assert {wait}
    assert shutdown.requested.is_set()
print("ended", flush=True)
sys.stdin.read()  # an interpreter that ends gives signals their default, death, before it is gone
"""


def started(wait: str) -> "subprocess.Popen[str]":
    command, pipe = [sys.executable, "-c", WAITING.format(wait=wait)], subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait(number: signal.Signals) -> None:
    process = started("shutdown.wait()")
    process.send_signal(number)
    assert process.communicate(timeout=30)[0] == "ended\n"
    assert process.returncode == 0


def test_a_storm_of_signals_ends_the_wait_once() -> None:
    """Waits of random length: the signals meet the main thread inside and outside of them."""
    process = started("[1 for _ in iter(lambda: shutdown.wait(0.0002), True)] or True")
    for _ in range(random.Random(7).randrange(50, 200)):
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
    assert process.communicate(timeout=30)[0] == "ended\n"
    assert process.returncode == 0


def test_a_request_from_another_thread_ends_the_wait() -> None:
    process = started("(threading.Timer(0.05, shutdown.request).start(), shutdown.wait())[1]")
    assert process.communicate(timeout=30)[0] == "ended\n"


def test_a_wait_ends_when_its_time_is_up_and_other_signals_do_not_end_it() -> None:
    process = started(
        "(__import__('signal').signal(14, lambda *_: None), __import__('signal').setitimer(0, 0.02),"
        " not shutdown.wait(0.1), shutdown.request(), shutdown.wait())[2]"
    )
    assert process.communicate(timeout=30)[0] == "ended\n"

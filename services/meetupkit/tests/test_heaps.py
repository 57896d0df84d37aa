"""One process, a few heaps, however many threads."""

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import ctypes, sys, threading
from meetupkit.heaps import share_heaps
libc = ctypes.CDLL(None)
if not hasattr(libc, "malloc_info"):
    sys.exit(77)
if sys.argv[2] == "shared":
    share_heaps()
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes, libc.fclose.argtypes = [ctypes.c_int, ctypes.c_void_p], [ctypes.c_void_p]
together = threading.Barrier(12)
def allocate():
    together.wait()
    libc.malloc(100_000)
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


def _heaps(report: Path, how: str) -> int:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, str(report), how], check=False)
    if done.returncode == 77:
        pytest.skip("this is not glibc")
    assert done.returncode == 0
    return report.read_text().count("<heap nr=")


def test_threads_share_two_heaps(tmp_path: Path) -> None:
    assert _heaps(tmp_path / "report", "shared") <= 2
    assert _heaps(tmp_path / "report", "own") > 2, "else the test shows nothing"

"""Runs a service that is killed when it hits a failpoint for the n-th time: arguments FAILPOINT N PROOF MODULE.

The kill is SIGKILL from within, in the very moment; the file PROOF is written just before, so that a test can tell it
from any other death.
"""

import os
import runpy
import signal
import sys
from pathlib import Path

failpoint, times, proof, module = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
hits = 0


def at_failpoint(event: str, _args: tuple[object, ...]) -> None:
    global hits
    if event != failpoint:
        return
    hits += 1
    if hits == times:
        proof.write_text(f"{event} {hits}")
        os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(at_failpoint)
sys.argv = [module]
runpy.run_module(module, run_name="__main__")

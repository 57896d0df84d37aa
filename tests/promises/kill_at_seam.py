"""Runs a service that is killed when it passes a seam for the n-th time: ``kill_at_seam.py SEAM N PROOF MODULE``.

The kill is SIGKILL from within, in the very moment; the file PROOF is written just before, so that a test can tell it
from any other death.
"""

import os
import runpy
import signal
import sys
from pathlib import Path

seam, times, proof, module = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
passed = 0


def at_seam(event: str, _args: tuple[object, ...]) -> None:
    global passed
    if event != seam:
        return
    passed += 1
    if passed == times:
        proof.write_text(f"{event} {passed}")
        os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(at_seam)
sys.argv = [module]
runpy.run_module(module, run_name="__main__")

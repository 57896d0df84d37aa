"""Writes down which of our files a datum passes. Python imports it at its start, by ``PYTHONPATH``.

SIGUSR1 forgets what was seen, and says so by an empty file beside ``TRACED_TO``. SIGUSR2 writes to the file
``TRACED_TO``, as JSON, our files in which a function was called since, in the order of their first call, over all
threads.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

_OURS = f"{os.sep}services{os.sep}"
_seen: dict[str, None] = {}


def _profile(frame: FrameType, event: str, argument: object) -> None:
    if event == "call" and _OURS in (name := frame.f_code.co_filename):
        _seen.setdefault(name)


def _write(number: int, frame: FrameType | None) -> None:
    out = Path(os.environ["TRACED_TO"])
    part = out.with_suffix(".part")
    part.write_text(json.dumps(list(_seen)))
    part.rename(out)


def _forget(number: int, frame: FrameType | None) -> None:
    _seen.clear()
    Path(os.environ["TRACED_TO"]).with_suffix(".forgotten").touch()


if "TRACED_TO" in os.environ:
    signal.signal(signal.SIGUSR1, _forget)
    signal.signal(signal.SIGUSR2, _write)
    threading.setprofile(_profile)
    sys.setprofile(_profile)

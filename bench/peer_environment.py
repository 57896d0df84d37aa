"""An environment of its own for Redpanda Connect: half a gigabyte that nothing else here needs."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
_FOLDER: Final = _ROOT / "build/redpanda-connect"
_UV: Final = _ROOT / ".uv/bin/uv"
"""Which the Makefile makes."""
_PACKAGES: Final = ("mq-bridge", "mq-bridge-connect")
_SECONDS: Final = 600.0
"""80 MB are fetched at the first time; who has no package index learns it within this."""


class NotHere(Exception):
    """Redpanda Connect cannot be had on this machine; the message says why."""


def connect_python() -> Path:
    """The Python that has Redpanda Connect, in an environment that is made at the first call; raises ``NotHere``."""
    python = _FOLDER / "bin/python"
    if _has_packages(python):
        return python
    print("Fetching Redpanda Connect (80 MB; up to some minutes) ...", file=sys.stderr, flush=True)
    began = time.monotonic()
    _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(_FOLDER))
    _uv("pip", "install", "--quiet", "--python", str(python), *_PACKAGES)
    if not _has_packages(python):
        raise NotHere(f"{' and '.join(_PACKAGES)} are installed, but cannot be imported")
    print(f"It is in {_FOLDER}, after {time.monotonic() - began:.0f} s.", file=sys.stderr)
    return python


def _has_packages(python: Path) -> bool:
    try:
        asked = subprocess.run(
            [python, "-c", "import mq_bridge, mq_bridge_connect"], capture_output=True, timeout=_SECONDS
        )
    except OSError:
        return False
    return asked.returncode == 0


def _uv(*arguments: str) -> None:
    """What uv says of a failure is shown to the person who waits."""
    try:
        subprocess.run([_UV, *arguments], check=True, timeout=_SECONDS)
    except FileNotFoundError:
        raise NotHere(f"{_UV.relative_to(_ROOT)} is missing; make bench makes it") from None
    except subprocess.TimeoutExpired:
        raise NotHere(f"uv {arguments[0]} took longer than {_SECONDS:g} s") from None
    except subprocess.CalledProcessError:
        raise NotHere(f"{' and '.join(_PACKAGES)} cannot be had from the package index") from None

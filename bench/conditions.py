"""Where and when the figures were taken."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import psutil


def conditions(folder: Path, load_before: tuple[float, float, float]) -> str:
    """A sentence or two; ``folder`` is where the files were written."""
    load_after = os.getloadavg()
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {_processor()}, {os.cpu_count()} cores; {platform.system()} "
        f"{platform.release().partition('-')[0]}; Python {platform.python_version()}; {_file_system(folder)}; "
        f"load average {load_before[0]:.1f} before, {load_after[0]:.1f} after (the measurements' own load included). "
        "Records are generated rsvps unless a row says otherwise."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    mounts = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    return f"files on {max(mounts, key=lambda part: len(part.mountpoint)).fstype}"

"""A disk of a stream's own, so that it can be full: a tmpfs in a mount namespace, filled and emptied by a test."""

import errno
import os
import sys
from pathlib import Path
from typing import Final

from meetup_testkit.namespace import IN_NAMESPACE

_MEBIBYTES: Final = 32
"""Four times what the run stores, one file of 4 KiB a record."""


def command_on(disk: Path, module: str) -> tuple[str, ...]:
    """Arguments for Python that run the module with a disk of its own at that folder; the process keeps its id."""
    mounted = f'mount -t tmpfs -o size={_MEBIBYTES}m none "$1" && exec "$2" -m "$3"'
    words = [*IN_NAMESPACE, "sh", "-c", mounted, "sh", str(disk), sys.executable, module]
    return ("-c", f"import os; os.execvp('unshare', {words!r})")


class Disk:
    """The disk as the process with that id sees it."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._ballast = Path(f"/proc/{pid}/root{folder}/ballast")

    def fill(self) -> None:
        """Leave no room."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in (1024 * 1024, 4096):
                self._write_until_full(file.fileno(), bytes(size))

    def make_room(self) -> None:
        """Take away what ``fill`` has written."""
        self._ballast.unlink()

    @staticmethod
    def _write_until_full(file: int, block: bytes) -> None:
        try:
            while os.write(file, block):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

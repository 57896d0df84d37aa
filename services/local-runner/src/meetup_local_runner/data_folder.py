"""The folder of the data: there, writable, used by one runner at a time, with the last run's logs kept aside."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from meetupkit.foreign_text import printable

from meetup_local_runner.settings import Options

_LOCK: Final = ".meetup-local"
_PRIVATE: Final = 0o077
"""What the umask takes away, of this process and of its children."""


class DataFolderRefused(Exception):
    """The folder cannot be used; the message says why."""


@contextmanager
def prepared(options: Options) -> Iterator[None]:
    """Hold the folder for this run, closed to other users: records name people.

    Two runners in it would have two streams per feed, of which one is on standby.
    """
    umask = os.umask(_PRIVATE)
    try:
        with _held(options):
            yield
    finally:
        os.umask(umask)


@contextmanager
def _held(options: Options) -> Iterator[None]:
    try:
        _refuse_foreign(options.data)
        options.logs.mkdir(parents=True, exist_ok=True)
        options.logs.chmod(0o700)  # an earlier version left it open
        lock = (options.data / _LOCK).open("w")
    except OSError as error:
        raise DataFolderRefused(f"--data {options.data}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataFolderRefused(
                f"--data {options.data}: another meetup-local-runner runs there; stop it or name another folder"
            ) from None
        try:
            for log in options.logs.glob("*.log"):
                log.replace(log.with_suffix(".log.1"))
        except OSError as error:
            raise DataFolderRefused(f"--data {options.data}: {error.strerror}: {error.filename}") from None
        yield


def _refuse_foreign(folder: Path) -> None:
    """A folder with something in it, where no runner has been, is another program's: its logs would be moved."""
    if not folder.exists() or (folder / _LOCK).exists():
        return
    if found := next(folder.iterdir(), None):
        raise DataFolderRefused(
            f"--data {folder}: holds {printable(found.name)}, and no meetup-local-runner has run there;"
            " name an empty folder"
        )

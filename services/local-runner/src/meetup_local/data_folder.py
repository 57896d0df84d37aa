"""The folder of the data: there, writable, used by one runner at a time, with the last run's logs kept aside."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from meetup_local.settings import Options

_LOCK: Final = ".meetup-local"


class DataFolderRefused(Exception):  # noqa: N818  (named for the state, as the errors of meetupkit)
    """The folder cannot be used; the message says why."""


@contextmanager
def prepared(options: Options) -> Iterator[None]:
    """Hold the folder for this run. Two runners in it would have two streams a feed, of which one stands back."""
    try:
        options.logs.mkdir(parents=True, exist_ok=True)
        lock = (options.data / _LOCK).open("w")
    except OSError as error:
        raise DataFolderRefused(f"--data {options.data}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataFolderRefused(
                f"--data {options.data}: another meetup-local runs there; stop it or name another folder"
            ) from None
        for log in options.logs.glob("*.log"):
            log.replace(log.with_suffix(".log.1"))
        yield

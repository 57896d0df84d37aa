"""Types of command-line arguments, for ``argparse``, which tells the person what they raise."""

from argparse import ArgumentTypeError
from pathlib import Path

from meetupkit.feeds import FEEDS


def replay(text: str) -> tuple[str, Path]:
    """``FEED=FILE``: a feed of the table and a file that can be read."""
    feed, _, file = text.partition("=")
    if feed not in FEEDS:
        raise ArgumentTypeError(f"{feed!r} is none of {', '.join(FEEDS)}")
    return feed, readable_file(file)


def readable_file(text: str) -> Path:
    """A file that can be read now."""
    file = Path(text)
    try:
        with file.open("rb"):
            return file
    except OSError as error:
        raise ArgumentTypeError(f"{text or 'no file'}: {error.strerror}") from None


def number(text: str) -> float:
    """A finite number of 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value

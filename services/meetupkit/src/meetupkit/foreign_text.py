"""Text from outside, made fit for a log line, a status, a terminal: one line, printable, short.

Whoever answers a request chooses its reason phrase, headers and error body. Escape sequences would drive the terminal
of whoever reads the log, line breaks would forge log lines, bidirectional marks would show another order than is there.
"""

import re
from typing import Final

LONGEST: Final = 200
"""Characters. Enough to see who answered what; a log line stays one line on a wide terminal."""
_MOST_BYTES_READ: Final = 8
"""Times the limit: how much is looked at, so that 60 MB cost no more than 60 kB. Escapes and spaces shrink."""
_ANSI: Final = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)?|[ -/]{0,8}[0-~])|\x9b[0-?]{0,64}[@-~]"
)
"""Control sequences of ECMA-48: CSI, OSC and two-character escapes; bounded, so that matching is linear."""
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Zero-width, bidirectional, filler and tag characters: what is shown would differ from what is there."""


def printable(text: str | bytes, limit: int = LONGEST) -> str:
    """``text`` on one line, without anything that a terminal obeys or hides, at most ``limit`` characters.

    Bytes are read as UTF-8. White space of any kind becomes one space; other characters that cannot be printed become
    ``\\N{REPLACEMENT CHARACTER}``; what is cut off shows as ``…``.
    """
    head = text[: limit * _MOST_BYTES_READ * (4 if isinstance(text, bytes) else 1)]
    words = head.decode("utf-8", "replace") if isinstance(head, bytes) else head
    if not (words.isascii() and words.isprintable()):  # most text is, and has nothing to be looked for
        words = _INVISIBLE.sub("", _ANSI.sub("", words))
    line = " ".join(words.split())
    if not line.isprintable():
        line = "".join(c if c.isprintable() else "\ufffd" for c in line)
    cut = len(line) > limit or len(head) < len(text)
    return f"{line[: limit - 1].rstrip()}…" if cut else line

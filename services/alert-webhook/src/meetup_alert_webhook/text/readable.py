"""Text of others as a channel may see it: printable, without credentials, short; in this order. No I/O.

A secret that was cut first might not be known for one, and one with an invisible character in it neither.
"""

import re
from typing import Final

from meetupkit.foreign_text import printable

from meetup_alert_webhook.text.redaction import redacted

_NOTE: Final = 40
"""Room for the note that says how much was cut."""
_LOOKED_AT: Final = 4
"""Times the limit, and a thousand: how much is read of a text, so that 2 MB cost no more than a screenful."""
_LONGEST_WORD: Final = 512
"""Characters: what may stand cut at the end of what is looked at, and is left out for that."""
_BREAK: Final = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x7f-\x84\x86-\x9a\x9c-\x9f]")
"""Control characters that show nothing and begin no sequence: they go, so that a word stays a word."""
_INDENT: Final = re.compile(r"[ \t]{0,40}+")


def shown(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters, what is cut counted."""
    return cut(" ".join(readable(text, limit).split()), limit, beyond=_beyond(text, limit))


def shown_lines(text: str, limit: int) -> str:
    """Lines, with their indentation, of at most ``limit`` characters together."""
    return cut(readable(text, limit), limit, beyond=_beyond(text, limit))


def readable(text: str, limit: int) -> str:
    """What a text of at most ``limit`` characters can be made of: its beginning, printable and without credentials."""
    looked_at = _LOOKED_AT * limit + 1000
    head = text[:looked_at]
    if len(text) > looked_at:
        head = head[: max(head.rfind(" "), head.rfind("\n"), looked_at - _LONGEST_WORD)]
    return redacted("\n".join(_printable(line) for line in _BREAK.split(head))).strip()


def cut(text: str, limit: int, *, beyond: int = 0) -> str:
    """The text within the limit; says how much is missing, ``beyond`` included."""
    if len(text) <= limit and not beyond:
        return text
    kept = text[: min(len(text), limit - _NOTE)].rstrip()
    return f"{kept} … [{len(text) - len(kept) + beyond:,} characters cut]"


def _beyond(text: str, limit: int) -> int:
    return max(0, len(text) - _LOOKED_AT * limit - 1000)


def _printable(line: str) -> str:
    indent = _INDENT.match(line)
    spaces = indent[0].expandtabs(4) if indent else ""
    words = printable(_CONTROL.sub("", line), max(1, len(line)))
    return f"{spaces}{words}" if words else ""

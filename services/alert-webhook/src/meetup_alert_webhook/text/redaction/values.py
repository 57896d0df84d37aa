"""Where a value ends: quoted, escaped, in brackets, in markup, in an address, or bare. No I/O."""

import re
from functools import cache
from typing import Final

ENCODED_QUOTE: Final = r"%22|%27|&quot;|&apos;|&\#0{0,4}3[49];|&\#[xX]0{0,4}2[27];|\\{1,8}u002[27]"
"""Quotes as an address, markup and JSON without them write them; ``#`` escaped for expressions with comments."""
_OPENING: Final = re.compile(
    rf"(?:[bru]{{1,2}}(?=[\"']))?(?P<slashes>\\{{0,16}}+)(?P<quote>[\"'`])|(?P<encoded>{ENCODED_QUOTE})"
)
_NEXT: Final = (
    r"&(?=[\w.%-]{1,64}+(?:=|%3D)|\Z)|&amp;|[,;](?=\s|\Z|[\w.-]{1,64}+\s?[=:])|%26|%22|\\{1,16}(?:[nrt\"']|\Z)"
)
"""Where a bare value ends although no blank follows: the next parameter, pair or escaped line break."""
_BARE: Final = re.compile(rf"(?:[^\s\"'`<>&,;%\\]++|(?!{_NEXT})[&,;%\\])*+")
_PARAMETER: Final = re.compile(r"(?:[^\s\"'`<>&#;%]++|(?!%26)%)*+")
_IN_MARKUP: Final = re.compile(r"[^<]*+")
_CLOSERS: Final = {"[": "]", "{": "}", "(": ")"}
_MOST_OF_LIST: Final = 4096
"""Characters a list in brackets may take; a longer one is taken to the end of its line."""


class Runs:
    """Where bare values of one text end. A value that begins within another ends with it, and is not read again:

    ``key=key=key=...`` is as many values, each to the end of the text, and would cost the square of its length.
    """

    def __init__(self) -> None:
        self._begin = self._end = 0
        self._parameter = False

    def end(self, text: str, begin: int, *, parameter: bool) -> int:
        """The end of what has no blank in it, from there."""
        if not (self._parameter is parameter and self._begin <= begin < self._end):
            run = (_PARAMETER if parameter else _BARE).match(text, begin)
            self._begin, self._end, self._parameter = begin, run.end() if run else begin, parameter
        return self._end


def value_end(
    text: str, begin: int, *, xml: bool = False, parameter: bool = False, runs: Runs | None = None
) -> tuple[int, int]:
    """Where the value that begins there begins within its quotes, and where it ends."""
    if xml and (markup := _IN_MARKUP.match(text, begin)):
        return begin, markup.end()
    if opening := _OPENING.match(text, begin):
        return opening.end(), _closing(text, opening)
    if text[begin : begin + 1] in _CLOSERS and not text.startswith("[removed", begin):
        return _in_brackets(text, begin)
    return begin, _bare_end(text, begin, parameter=parameter, runs=runs)


def _closing(text: str, opening: re.Match[str]) -> int:
    """The end of a quoted value; of one that is cut, the end of its line."""
    if opening["encoded"]:
        end = text.find(opening["encoded"], opening.end())
        return end if end >= 0 else _bare_end(text, opening.end(), parameter=True)
    found = _closer(len(opening["slashes"]), opening["quote"]).match(text, opening.end())
    if found:
        return found.end("value")
    line = text.find("\n", opening.end())
    return line if line >= 0 else len(text)


@cache
def _closer(slashes: int, quote: str) -> re.Pattern[str]:
    """The value and the quote that closes it: as deeply escaped as the one that opened it, not deeper."""
    if slashes == 0:
        return re.compile(rf"(?P<value>(?:[^{quote}\\]|\\.)*+){quote}", re.DOTALL)
    deeper = rf"\\{{{slashes + 1},}}+."
    return re.compile(
        rf"(?P<value>(?:[^\\{quote}]|{deeper}|\\{{1,{slashes}}}(?![\\{quote}])|(?<!\\){quote})*+)\\{{{slashes}}}{quote}",
        re.DOTALL,
    )


def _in_brackets(text: str, begin: int) -> tuple[int, int]:
    """A list is taken whole; an object only if it is a word in braces, as ODBC quotes."""
    closer = _CLOSERS[text[begin]]
    end = text.find(closer, begin, begin + _MOST_OF_LIST)
    if end < 0:
        line = text.find("\n", begin)
        end = line if line >= 0 else len(text)
    inner = text[begin + 1 : end]
    is_object = text[begin] != "[" and re.search(r"[\"':=(]", inner)
    return (begin, begin) if is_object else (begin + 1, end)


def _bare_end(text: str, begin: int, *, parameter: bool, runs: Runs | None = None) -> int:
    end = (runs or Runs()).end(text, begin, parameter=parameter)
    while end > begin and text[end - 1] in ",;)]}…." and not _pairs(text, begin, end):
        end -= 1
    return end


def _pairs(text: str, begin: int, end: int) -> bool:
    """Whether the bracket at the end was opened in the value."""
    opened = {")": "(", "]": "[", "}": "{"}.get(text[end - 1])
    return opened is not None and opened in text[begin : min(end, begin + 256)]

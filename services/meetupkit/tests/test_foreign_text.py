import pytest
from meetupkit.foreign_text import LONGEST, printable

HOSTILE = {
    "colour": ("\x1b[31mred\x1b[0m", "red"),
    "title of the terminal": ("a\x1b]0;owned\x07b", "ab"),
    "hyperlink": ("\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", "text"),
    "eight-bit CSI": ("a\x9b2Jb", "ab"),
    "reset": ("a\x1bcb", "ab"),
    "escape at the end": ("a\x1b", "a\ufffd"),
    "forged line": ("ok\r\n12:00:00 ERROR all is lost", "ok 12:00:00 ERROR all is lost"),
    "line separator": ("a\u2028b\u2029c\x85d", "a b c d"),
    "right to left": ("abc\u202efed\u202c", "abcfed"),
    "isolates": ("\u2066a\u2069", "a"),
    "zero width": ("pass\u200bword\ufeff", "password"),
    "tags": ("a\U000e0041b", "ab"),
    "null": ("a\x00b", "a\ufffdb"),
    "lone surrogate": ("a\ud800b", "a\ufffdb"),
    "backspace": ("ab\x08c", "ab\ufffdc"),
    "white space": ("  a \t\n b  ", "a b"),
    "letters of the world": ("Grüße, 東京 ☕", "Grüße, 東京 ☕"),
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE.keys())
def test_foreign_text_is_one_printable_line(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(printable(text)) == shown


@pytest.mark.parametrize("filler", ["x", "\x1b[0m", "\x1b", "\x1b[", "\x1b]", "\n", "é", "\u200b", "\ud800"])
def test_foreign_text_is_short_however_long_it_was(filler: str) -> None:
    line = printable("start " + filler * 60_000)
    assert line.startswith("start")
    assert len(line) <= LONGEST
    assert line.isprintable()
    assert line.endswith("…")


def test_bytes_that_are_no_utf8_are_shown_as_far_as_they_are() -> None:
    assert printable(b"caf\xc3\xa9 \xff\xfe end") == "café \ufffd\ufffd end"
    assert len(printable(b"\xff" * 1_000_000, 50)) == 50

"""Secrets whose name stands in markup around or before them: elements, property lists, tables, forms. No I/O."""

import re
from typing import Final

from meetup_alert_webhook.text.redaction.names import is_no_value, is_secret_name, looks_made

_REMOVED: Final = "[removed]"
_TAG: Final = r"(?:[\w-]{1,40}+:)?+[\w.-]{1,60}+"
_ATTRIBUTES: Final = r"(?:\s[^<>]{0,300}+)?+"
_ELEMENT: Final = re.compile(rf"<(?:[\w-]{{1,40}}+:)?+(?P<name>[\w.-]{{1,60}}+){_ATTRIBUTES}>(?P<v>[^<]++)")
"""``<wsse:Password Type="PasswordText">...``."""
_NEXT: Final = re.compile(
    rf">\s{{0,8}}+(?P<name>[\w.-]{{1,60}}+)\s{{0,8}}+</{_TAG}>\s{{0,40}}+<{_TAG}{_ATTRIBUTES}>(?P<v>[^<]++)"
)
"""``<key>password</key><string>...``, ``<td>password</td><td>...``."""
_PART: Final = re.compile(
    r"form-data;[^\r\n]{0,200}?\bname=\"?(?P<name>[\w.-]{1,60}+)[^\r\n]{0,200}+\s{1,8}+(?P<v>\S[^\r\n]*+)"
)
"""A part of a form."""
_CELL: Final = re.compile(r"[|│]\s{0,40}+(?P<name>[\w.-]{1,60}+)\s{0,40}+[|│]\s{0,40}+(?=(?P<v>[^\s|│]++))")
"""A table's row; its value must look made, for the heads of columns stand so too."""
_LEAST_CELL: Final = 6


def without_elements(text: str) -> str:
    """The text without what markup says is a secret."""
    if "<" in text:
        text = _cut_out(_NEXT, _cut_out(_ELEMENT, text))
    if "form-data" in text:
        text = _cut_out(_PART, text)
    return _cut_out(_CELL, text, least=_LEAST_CELL) if "|" in text or "│" in text else text


def _cut_out(pattern: re.Pattern[str], text: str, least: int = 0) -> str:
    kept, at = [], 0
    for match in pattern.finditer(text):
        value = match["v"]
        if match.start("v") >= at and is_secret_name(match["name"]) and not is_no_value(match["name"], value):
            if least and not looks_made(value, least):
                continue
            kept += [text[at : match.start("v")], _REMOVED]
            at = match.end("v")
    return "".join([*kept, text[at:]])

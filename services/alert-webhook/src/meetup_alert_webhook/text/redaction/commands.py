"""Secrets on command lines, and those that a sentence tells without a sign between. No I/O."""

import re
from collections.abc import Callable
from typing import Final

from meetup_alert_webhook.text.redaction.names import looks_made
from meetup_alert_webhook.text.redaction.values import value_end

_REMOVED: Final = "[removed]"
_Span = Callable[[str, re.Match[str]], tuple[int, int] | None]
"""Where in a match the secret stands, if it is one."""
_USER: Final = re.compile(
    r"(?<!\S)(?:-[A-Za-z]{0,6}[uU]|--user|--proxy-user)(?:[ \t]{1,4}|=)?(?P<q>[\"']?)[^\s:\"'/]{0,64}+:(?P<v>)(?=\S)"
)
"""``curl -u user:password``."""
_OPTION: Final = re.compile(r"(?<!\S)(?P<option>-[pawk])[ \t]{0,4}+(?=[^\s-])|\bpass:(?P<pass>\S++)")
_MAY_HAVE_OPTION: Final = re.compile(r"-[pawk]|pass:")
_PASSWORD_COMMANDS: Final = {
    "-p": re.compile(r"\b(?:mysql\w{0,10}|mariadb\w{0,10}|sshpass|login|ldapsearch|mongo\w{0,8}|smbclient)\b"),
    "-a": re.compile(r"\b(?:redis-cli|valkey-cli)\b"),
    "-w": re.compile(r"\bldap[a-z]{3,10}\b"),
    "-k": re.compile(r"\bopenssl\b"),
}
_LINE: Final = 300
"""Characters before an option in which its command is looked for."""
_TOLD: Final = re.compile(
    r"(?<![A-Za-z0-9])(?i:password|passwd|passphrase|pwd|token|api[ _-]?key|secret[ _-]key|AUTH (?:PLAIN|LOGIN)"
    r"|identified by)[ \t]{1,4}+(?:(?:is|was)[ \t]{1,4}+)?[\"']?(?=(?P<v>[A-Za-z0-9!@#$%^*_+=.~-]{6,}+))"
)
"""``password hunter2``: only what no person would take for a word."""
_AUTH: Final = re.compile(r"\bAUTH[ \t]{1,4}+(?:[\w-]{1,32}+[ \t]{1,4}+)?(?P<v>[^\s\"']{6,}+)")
"""Redis's command."""
_SCHEME: Final = re.compile(r"(?i)\b(?:bearer|basic)[ \t]{1,4}+(?=(?P<v>[\w.~+/-]{6,}+=*+))")
"""The credential is looked at and not taken: it may be the name of the scheme again."""
_MAY_BE_TOLD: Final = re.compile(r"(?i)bearer|basic|passw|passphrase|pwd|token|key|auth|identified")
"""What each of the three before holds."""
_LONG_WORD: Final = 18
"""Letters; what follows ``Bearer`` and is longer is no word of a sentence."""


def without_arguments(text: str) -> str:
    """The text without passwords among a command's arguments, and credentials after the name of their scheme."""
    text = _cut_out(text, _USER, _user_password) if ":" in text else text
    text = _cut_out(text, _OPTION, _option) if _MAY_HAVE_OPTION.search(text) else text
    if _MAY_BE_TOLD.search(text):
        for pattern, span_of in ((_SCHEME, _credential), (_TOLD, _told), (_AUTH, _told)):
            text = _cut_out(text, pattern, span_of)
    return text


def _cut_out(text: str, pattern: re.Pattern[str], span_of: _Span) -> str:
    kept, at = [], 0
    for match in pattern.finditer(text):
        span = span_of(text, match)
        if span and span[0] >= at and not text.startswith(_REMOVED, span[0]):
            kept += [text[at : span[0]], _REMOVED]
            at = span[1]
    return "".join([*kept, text[at:]])


def _user_password(text: str, match: re.Match[str]) -> tuple[int, int] | None:
    begin = match.start("v")
    if match["q"]:
        close = text.find(match["q"], begin, begin + 512)
        return begin, close if close >= 0 else min(len(text), begin + 512)
    end = value_end(text, begin)[1]
    return None if text[begin:end].isdigit() or text.startswith("//", begin) else (begin, end)


def _option(text: str, match: re.Match[str]) -> tuple[int, int] | None:
    if match["pass"]:
        return match.span("pass") if looks_made(match["pass"], 6) else None
    begin, end = value_end(text, match.end())
    command = text[max(0, match.start() - _LINE) : match.start()].rpartition("\n")[2]
    value = text[begin:end]
    if value.startswith(("/", ".")) or re.fullmatch(r"[\d:.]*+", value):
        return None
    return (begin, end) if _PASSWORD_COMMANDS[match["option"]].search(command) else None


def _credential(_text: str, match: re.Match[str]) -> tuple[int, int] | None:
    value = match["v"]
    is_word = value.rstrip(".,").isalpha() and (value.islower() or value.istitle() or value.isupper())
    plain = re.fullmatch(r"[a-z]+(?:[-/][a-z]+)*\.?", value) is not None
    return None if len(value) < _LONG_WORD and (is_word or plain) else match.span("v")


def _told(_text: str, match: re.Match[str]) -> tuple[int, int] | None:
    return match.span("v") if looks_made(match["v"].rstrip("."), 6) else None

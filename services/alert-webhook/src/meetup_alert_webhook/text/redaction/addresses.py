"""Users and passwords in addresses. No I/O."""

import re
from typing import Final

from meetup_alert_webhook.text.redaction.names import looks_made

_REMOVED: Final = "[removed]"
_ADDRESS: Final = re.compile(r"://[^\s\"'<>`]*+")
_PORT: Final = re.compile(r"\d{0,5}(?:[/?#,]|\Z)|(?i:port)\b")
"""What stands after the colon of ``host:port``, in examples too."""
_CUT: Final = re.compile(r"\s*(?:…|\.\.\.|\[\d|\Z)")
_BARE: Final = re.compile(
    r"(?<![\w:/@.-])([\w.-]{1,64}+):([^\s\"'<>`:@/]{1,128}+)(?=@(?:tcp|udp|unix|pipe)?\(|@[\w.-]{1,128}+:\d{2,5}\b)"
)
"""``user:password@tcp(host)``, ``user:password@host:port``: without a scheme."""
_NO_USER: Final = frozenset({"mailto", "user", "group", "serviceaccount", "from", "to", "sha256", "sha512"})
_WEBHOOK: Final = re.compile(
    r"(?i)(https?(?:://|%3A%2F%2F))(?:"
    r"(hooks\.slack(?:-gov)?\.com)[^\s\"'<>`]*+"
    r"|((?:\w{1,20}\.)?discord(?:app)?\.com/api/webhooks|[\w.-]{1,80}\.office\.com/webhookb2|api\.telegram\.org/bot)"
    r"[^\s\"'<>`]*+)"
)
"""Incoming webhooks: the address is the secret."""


def without_userinfo(text: str) -> str:
    """The text without passwords in addresses, nor addresses that are secrets as a whole."""
    text = _WEBHOOK.sub(lambda m: f"{m[1]}{m[2] or m[3]}/[removed]", text)
    if "://" in text:
        text = _ADDRESS.sub(lambda m: _address(m, text), text)
    return _BARE.sub(_bare, text) if "@" in text else text


def _address(match: re.Match[str], text: str) -> str:
    """Each address of the run; one may hold another as a parameter."""
    parts = match[0].split("://")
    ends = [False] * (len(parts) - 1) + [bool(_CUT.match(text, match.end()))]
    return "://".join(_authority(part, at_end) for part, at_end in zip(parts, ends, strict=True))


def _authority(rest: str, at_end: bool) -> str:
    """What follows ``://``; a password may hold ``@`` and ``/``, a port is digits."""
    user, colon, after = rest.partition(":")
    host = re.split(r"[/?#\[]", rest, maxsplit=1)[0]
    if not colon or re.search(r"[/?#@\[]", user):
        name, at, _ = host.rpartition("@")
        return f"{_REMOVED}{rest[len(name) :]}" if at and looks_made(name, 16) else rest
    if "@" not in after:
        secret = at_end and after.strip(".…") and not _PORT.match(after) and "/" not in after
        return f"{user}:{_REMOVED}" if secret else rest
    if _PORT.match(after) and "@" not in host:
        return rest
    return f"{user}:{_REMOVED}{after[after.rindex('@') :]}"


def _bare(match: re.Match[str]) -> str:
    return match[0] if match[1].lower() in _NO_USER or match[2].isdigit() else f"{match[1]}:{_REMOVED}"

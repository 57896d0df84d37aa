"""Takes secrets out of text that other programs wrote. No I/O.

Log lines and annotations are written by whoever wrote them; a channel is read by many. What looks like a credential
is replaced by what it was, and a link that holds one is left out. It is a net under the wire, not the wire: programs
must not log secrets in the first place.
"""

import re
from typing import Final

_RULES: Final = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        "private key",
    ),
    (re.compile(r"(?i)https?://hooks\.slack\.com/\S+"), "Slack webhook"),
    (re.compile(r"\bxox[a-z]-[\w-]{8,}"), "Slack token"),
    (re.compile(r"\bAIza[\w-]{30,}"), "Google API key"),
    (re.compile(r"\bya29\.[\w.-]{16,}"), "Google access token"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "JSON web token"),
    (re.compile(r"\bAKIA[0-9A-Z]{16}\b"), "AWS key"),
    (re.compile(r"\bgh[pousr]_\w{20,}"), "GitHub token"),
    (re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}"), "authorization"),
    (re.compile(r"(?<=://)[^/\s:@]{0,128}:[^/\s@]{1,128}(?=@)"), "user and password"),
)
_NAMED: Final = re.compile(
    r"""(?ix)
    \b ( (?:[\w-]{0,32}[_-])? (?:api_?key|token|secret|password|passwd|pwd|sig|signature|sign|key) )
    ( ["']? \s{0,3} (?: = | : ) \s{0,3} ["']? )
    ( [^\s"'&,;<>(){}\[\]]{6,} )
    """
)
"""``key=...``, ``"token": "..."``: a name that says secret, and at least six characters that could be one."""


def redacted(text: str) -> str:
    """The text with ``[... removed]`` in the place of each credential."""
    for pattern, what in _RULES:
        text = pattern.sub(f"[{what} removed]", text)
    return _NAMED.sub(r"\1\2[removed]", text)

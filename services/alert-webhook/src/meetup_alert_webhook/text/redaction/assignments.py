"""Secrets that follow their name: ``password=...``, ``"apiKey": "..."``, headers, parameters of addresses. No I/O."""

import re
from typing import Final

from meetup_alert_webhook.text.redaction.names import is_no_value, is_password, is_secret_name, looks_made
from meetup_alert_webhook.text.redaction.values import ENCODED_QUOTE, Runs, value_end

_REMOVED: Final = "[removed]"
_QUOTE: Final = rf"(?:\\{{0,16}}+[\"'`]|{ENCODED_QUOTE})"
_NAMED: Final = re.compile(
    rf"""(?x)
    (?: (?<![\w.%-]) | (?<=%[0-9A-Fa-f]{{2}}) )
    (?P<dash> -{{1,2}} )? (?P<name> \w[\w.-]*+ ) (?P<close> {_QUOTE} \]? )?+ (?: \] | \[ \w{{0,20}}+ \] )?+
    (?P<sep>
        \s{{0,4}}+ (?: := | => | -> | → | \uff1d | \uff1a | ={{1,2}} | ::? | %3[AaDd] ) (?: [ ]?[|>][+-]?\s*?\n )?
      | [\s,]{{1,20}}+ {_QUOTE}?+ [vV]alue {_QUOTE}?+ \s{{0,3}}+ [=:]
      | \s{{0,3}}+ , \s{{0,3}}+ (?= b?{_QUOTE} )
      | >
      | \s?+ \( (?= b?{_QUOTE} )
      | [ ]? \.{{3,80}}+ (?= [ ] ) | [ ] [\u2013\u2014] (?= [ ] )
      | (?<=[\w"'`])[ \t]{{1,4}}+
    ) \s{{0,8}}+
    """
)
_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "cookie2"})
_SCHEME: Final = re.compile(r"(?i)(?:bearer|basic|token|apikey|api-key|key|negotiate|ntlm|splunk|oauth|jwt)[ \t]{1,4}+")
"""Schemes whose credential is one word."""
_PARAMETERS: Final = re.compile(r"(?:[^\s=]{1,64}+[ ]{1,4}+)?[^\s=]{1,256}+=")
"""A cookie, or a scheme with parameters: such a header is taken to the end of its line."""
_CREDENTIAL: Final = re.compile(r"[\w.~+/=-]{1,256}+")
_IN_ADDRESS: Final = 8
_ELSEWHERE: Final = 16
_CODE: Final = 20
"""Characters of a value that is taken for a secret: of ``key`` in an address, elsewhere, of ``code`` and its like."""
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]{12,}")
_JUDGED: Final = 256
"""Characters of a value by which it is judged; longer ones are no words about secrets anyway."""
_NEAR: Final = 300
"""Characters after a header's name in which its first word is looked for."""
_MADE_VALUE: Final = re.compile(r"[\"'`]?[\w.~%+=-]{8,64}+")
"""What the value of a doubtful name looks like, if it is a secret."""
_WRAPPER: Final = re.compile(rf"(?:(?!f?[urb]?[\"'])[A-Za-z_][\w.:]{{0,40}}+\(){{1,3}}(?=b?{_QUOTE})")
"""``Some("...")``, ``SecretStr('...')``: what a value is wrapped in when a program prints it."""
_SIGN: Final = re.compile(r"[=:\uff1d\uff1a>→,]|%3[AaDd]")
"""What says by itself that a value follows."""
_LEAST_TOLD: Final = 6
"""Characters of a value that nothing but a dash, dots or a bracket tells from a sentence: it must look made."""
_LINE_END: Final = re.compile(r"\\{1,8}[rn]|[\r\n]")
_PHRASE: Final = re.compile(r"([A-Za-z]{1,20})[ ]\Z")
_WORD_NEXT: Final = re.compile(r"[ ][A-Za-z]{1,20}(?![\w:=])")
_NOT_GIVEN: Final = frozenset({"unexpected", "illegal", "public", "missing", "unknown"})
"""``missing token: ...`` says what is wrong with it. A sign that sets a value does so after any word."""
_SET: Final = frozenset({"=", "%3d"})
_DOUBTFUL: Final = frozenset({"key", "code", "auth", "sign", "pass", "hash", "sid", "session", "state"})
"""Names that are a secret's in an address, and often something else elsewhere: the value must look made."""


def without_named(text: str) -> str:
    """The text without the values of names that say secret."""
    kept, at, start, runs = [], 0, 0, Runs()
    while match := _NAMED.search(text, at):
        span = _secret_at(text, match, runs)
        if span is None:
            at = match.end("name") if match.end("name") > at else match.end()
            continue
        kept += [text[start : span[0]], _REMOVED]
        at = start = span[1]
    return "".join([*kept, text[start:]])


def _secret_at(text: str, match: re.Match[str], runs: Runs) -> tuple[int, int] | None:
    """Where the secret stands that the name announces."""
    name, begin = match["name"].strip(".-_"), match.end()
    if wrapped := _WRAPPER.match(text, begin):
        begin = wrapped.end()
    quoted_by = text[match.start("name") - 1 : match.start("name")]
    if name.lower() in _HEADERS and ":" in match["sep"] + "," and not match["dash"]:
        return _header(text, begin, quoted_by if quoted_by in ("'", '"') and not match["close"] else "")
    if not _announces(text, match, name) or text.startswith(("http://", "https://"), begin):
        return None
    is_doubtful = name.lower() in _DOUBTFUL and match["sep"].strip().lower() in ("=", "%3d")
    if is_doubtful and not _MADE_VALUE.match(text, begin):
        return None
    first, end = value_end(text, begin, xml=match["sep"] == ">", parameter=quoted_by in ("?", "&", "#"), runs=runs)
    value = text[first : min(end, first + _JUDGED)]
    if is_no_value(name, value) or _is_name_of_secret(name, match["sep"], value, quoted=first != begin):
        return None
    if not _SIGN.search(match["sep"]) and not _follows(text, match, value, begin):
        return None
    if first == begin and _is_sentence(name, match["sep"], text, first, end):
        return None
    return (first, end) if not is_doubtful or _is_enough(name, value, quoted_by) else None


def _announces(text: str, match: re.Match[str], name: str) -> bool:
    """Whether the name, or the two words it is the second of, is a secret's."""
    if match["sep"] == ">" and text[match.start("name") - 1 : match.start("name")] != "<":
        return False
    if match["sep"].lstrip().startswith(",") and not match["close"]:
        return "value" in match["sep"].lower() and is_secret_name(name)
    before = _PHRASE.search(text, max(0, match.start("name") - 21), match.start("name"))
    if before and before[1].lower() in _NOT_GIVEN and match["sep"].lower() not in _SET:
        return False
    if before and name.lower() == "key" and is_secret_name(f"{before[1]}_key"):
        return True
    if name.lower() in _DOUBTFUL:
        return match["sep"].strip().lower() in ("=", "%3d")
    return is_secret_name(name)


def _follows(text: str, match: re.Match[str], value: str, begin: int) -> bool:
    """Whether a value may stand after a blank alone: an option's, or a password in quotes or brackets."""
    if match["dash"]:
        return not value.startswith("-")
    if not is_password(match["name"]):
        return False
    if match["sep"].isspace() and text[begin : begin + 1] != "(":
        return text[begin : begin + 1] in ("'", '"', "[")
    return text[begin - 1 : begin] == "(" or (" " not in value and looks_made(value, _LEAST_TOLD))


def _is_sentence(name: str, sep: str, text: str, first: int, end: int) -> bool:
    """``cannot refresh token: connection reset``: a message about it, of words; a password may be a word."""
    if ":" not in sep or is_password(name) or not text[first - 1].isspace():
        return False
    return re.fullmatch(r"[A-Za-z]{1,20}", text[first:end]) is not None and bool(_WORD_NEXT.match(text, end))


def _is_enough(name: str, value: str, before: str) -> bool:
    """Whether the value of a doubtful name looks made."""
    in_address = before in ("?", "&", "#")
    if name.lower() == "pass":
        return looks_made(value, _IN_ADDRESS)
    if name.lower() in ("key", "session", "sid"):
        return looks_made(value, _IN_ADDRESS if in_address else _ELSEWHERE) or _HEXADECIMAL.fullmatch(value) is not None
    return looks_made(value, _CODE)


def _is_name_of_secret(name: str, sep: str, value: str, *, quoted: bool) -> bool:
    """``secret: alert-webhook`` names a Kubernetes Secret."""
    return name.lower() == "secret" and ":" in sep and not quoted and bool(re.fullmatch(r"[a-z][a-z-]*+", value))


def _header(text: str, begin: int, outer: str) -> tuple[int, int] | None:
    """The value of a header that is a credential as a whole: to the end of the line or of what it is quoted in."""
    scheme = _SCHEME.match(text, begin)
    word = _CREDENTIAL.search(text, scheme.end() if scheme else begin, begin + _NEAR)
    if not word or is_no_value("authorization", word[0]):
        return None
    first, end = value_end(text, begin)
    if first == begin:
        end = value_end(text, scheme.end())[1] if scheme else end
        if outer and (close := text.find(outer, begin)) >= 0:
            end = _line_end(text, begin, close)
        elif not scheme and _PARAMETERS.match(text, begin):
            end = _line_end(text, begin, len(text))
    return (first, end) if end > first else None


def _line_end(text: str, begin: int, end: int) -> int:
    found = _LINE_END.search(text, begin, end)
    return found.start() if found else end

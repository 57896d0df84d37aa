"""Private keys in PEM, whole or cut, with line breaks of any kind. No I/O."""

import re
import string
from typing import Final

_REMOVED: Final = "[private key removed]"
_KEY: Final = r"[A-Z0-9 ]{0,40}+(?<=PRIVATE KEY)(?: BLOCK)?"
_BEGIN: Final = re.compile(rf"-{{4,5}} ?BEGIN {_KEY} ?-{{0,5}}")
_END: Final = re.compile(rf"-{{4,5}} ?END (?:{_KEY} ?-{{0,5}})?")
_BODY: Final = string.ascii_letters + string.digits + "+/=\\\r\n"
"""What stands before the end of a key whose beginning is cut off; escaped line breaks too."""
_ENCODED: Final = re.compile(r"LS0tLS1CRUdJTi(?!BDRVJ|BQVUJM)[A-Za-z0-9+/=]*+")
"""``-----BEGIN`` in base64, as a Secret holds it, unless ``CER`` or ``PUB`` follows."""


def without_private_keys(text: str) -> str:
    """The text without private keys; from a beginning without an end everything goes."""
    return _ENCODED.sub(_REMOVED, _without_pem(text)) if "LS0tLS1C" in text else _without_pem(text)


def _without_pem(text: str) -> str:
    if "PRIVATE KEY" not in text:
        return text
    kept, at = [], 0
    while begin := _BEGIN.search(text, at):
        kept += [_without_tail(text[at : begin.start()]), _REMOVED]
        end = _END.search(text, begin.end())
        at = end.end() if end else len(text)
    kept.append(_without_tail(text[at:]))
    return "".join(kept)


def _without_tail(text: str) -> str:
    """The text without a key of which only the end is there."""
    end = _END.search(text)
    if not end or "PRIVATE KEY" not in end[0]:
        return text
    return f"{text[: end.start()].rstrip(_BODY)}{_REMOVED}{text[end.end() :]}"

"""What a line that is not a record becomes: an object under ``{label}/_rejected/`` that says why. Pure.

The object's name is made of the line, so that a line that comes again is kept once.
"""

import base64
import hashlib
import json

import google_crc32c
from meetupkit.records import Reason, Rejection
from meetupkit.stores.objects import NewObject

from meetup_stream.lines import OversizedLine


def rejected_object(label: str, rejection: Rejection) -> NewObject:
    """The line as it came, in text if it is text and else in base64, with its reason."""
    sha256 = hashlib.sha256(rejection.line).hexdigest()
    return _object(label, rejection.reason, rejection.detail, rejection.line, len(rejection.line), sha256)


def oversized_object(label: str, line: OversizedLine) -> NewObject:
    """The beginning of the line, and the length and checksum of all of it."""
    detail = f"{line.length} bytes; the first {len(line.beginning)} are kept"
    return _object(label, Reason.TOO_LARGE, detail, line.beginning, line.length, line.sha256)


def _object(label: str, reason: Reason, detail: str, kept: bytes, length: int, sha256: str) -> NewObject:
    try:
        line = {"text": kept.decode()}
    except UnicodeDecodeError:
        line = {"base64": base64.b64encode(kept).decode()}
    body = json.dumps(
        {"reason": reason, "detail": detail, "length": length, "sha256": sha256, **line}, ensure_ascii=False
    ).encode()
    name = f"{label}/_rejected/{reason}_{sha256[:32]}.json"
    return NewObject(name, body, google_crc32c.value(body), metadata={"reason": reason})

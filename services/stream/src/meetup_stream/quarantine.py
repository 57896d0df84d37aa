"""What a line that is not a record becomes: an object under ``{label}/_rejected/`` that says why. Pure.

The object's name is made of the line, so that a line that comes again is kept once.
"""

import base64
import hashlib
import json
from dataclasses import dataclass

import google_crc32c
from meetupkit.feeds import Feed
from meetupkit.records import Reason, Record, Rejection, read_line
from meetupkit.stores.objects import NewObject

from meetup_stream.lines import Line, OversizedLine


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The object that keeps a rejected line, and the reason of its rejection."""

    new: NewObject
    reason: Reason


def read_or_quarantine(feed: Feed, label: str, line: Line) -> Record | Quarantined:
    """The record that the line holds, or what is kept of the line."""
    if isinstance(line, OversizedLine):
        detail = f"{line.length} bytes; the first {len(line.beginning)} are kept"
        return _quarantined(label, Reason.TOO_LARGE, detail, line.beginning, line.length, line.sha256)
    match read_line(feed, line):
        case Rejection(reason, detail, kept):
            return _quarantined(label, reason, detail, kept, len(kept), hashlib.sha256(kept).hexdigest())
        case record:
            return record


def _quarantined(label: str, reason: Reason, detail: str, kept: bytes, length: int, sha256: str) -> Quarantined:
    try:
        line = {"text": kept.decode()}
    except UnicodeDecodeError:
        line = {"base64": base64.b64encode(kept).decode()}
    said = {"reason": reason, "detail": detail, "length": length, "sha256": sha256, **line}
    body = json.dumps(said, ensure_ascii=False).encode()
    name = f"{label}/_rejected/{reason}_{sha256[:32]}.json"
    new = NewObject(
        name,
        body,
        google_crc32c.value(body),
        metadata={"reason": reason},
        sha256=hashlib.sha256(body).hexdigest(),
    )
    return Quarantined(new, reason)

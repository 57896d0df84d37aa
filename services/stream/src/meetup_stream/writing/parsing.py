"""What a line that is not a record becomes: a document that says why. Pure.

A document on its own is an object under ``{label}/_rejected/``, named after the line, so that a line that comes again
is kept once.
"""

import base64
import hashlib
import json
from dataclasses import dataclass

import google_crc32c
from meetupkit.records import Reader, Reason, Record
from meetupkit.stores.objects import NewObject

from meetup_stream.reading.lines import Line, OversizedLine


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is not a record; ``kept`` is its beginning, if it is too large, and ``sha256`` of all of it."""

    reason: Reason
    detail: str
    kept: bytes
    length: int
    sha256: str

    def document(self, most: int | None = None) -> bytes:
        """The line, or its first ``most`` bytes, and what is wrong with it, as JSON."""
        kept = self.kept[:most]
        try:
            line = {"text": kept.decode()}
        except UnicodeDecodeError:
            line = {"base64": base64.b64encode(kept).decode()}
        fields = {"reason": self.reason, "detail": self.detail, "length": self.length, "sha256": self.sha256, **line}
        return json.dumps(fields, ensure_ascii=False).encode()

    def object(self, label: str) -> NewObject:
        """The document as an object of its own."""
        body = self.document()
        return NewObject(
            f"{label}/_rejected/{self.reason}_{self.sha256[:32]}.json",
            body,
            google_crc32c.value(body),
            metadata={"reason": self.reason},
        )


def read_or_reject(read: Reader, line: Line) -> Record | Rejected:
    """The record that the line holds, or why it is none."""
    if isinstance(line, OversizedLine):
        detail = f"{line.length} bytes; the first {len(line.beginning)} are kept"
        return Rejected(Reason.TOO_LARGE, detail, line.beginning, line.length, line.sha256)
    found = read(line)
    if isinstance(found, Record):
        return found
    kept = found.line
    return Rejected(found.reason, found.detail, kept, len(kept), hashlib.sha256(kept).hexdigest())

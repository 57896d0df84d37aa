"""Rsvps of a made-up population: texts, groups and topics of recorded ones; ids, members and times of their own."""

import gzip
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
from isal import isal_zlib

from bench.records import FOLDER

_FIRST_ID: Final = 3_000_000_000
_START_MS: Final = 1_425_000_000_000
_SPAN_MS: Final = 120 * 7 * 86_400_000
"""Over two years: weeks, seasons and cohorts are there."""
_COPIES: Final = 5
"""Of each recorded group, by default: 12,000 groups."""
_GROUPS_OF_MEMBER: Final = 12
"""At most."""
_MEMBERS_PER_RSVP: Final = 0.2
_EVENT_STEP_MS: Final = 7 * 86_400_000
PER_SEGMENT: Final = 10_000
_GZIP: Final = 31
_LEVEL: Final = 2
"""As streams compress."""


@dataclass(frozen=True, slots=True)
class _Template:
    """A recorded line with holes for what is made up."""

    text: bytes
    group: int


def recorded_lines() -> list[bytes]:
    """Every recorded rsvp; none where the data are absent."""
    files = sorted(FOLDER.glob("rsvps_*.ndjson.gz"))
    return [line for file in files for line in gzip.decompress(file.read_bytes()).split(b"\n") if line]


def rsvps(count: int, *, first: int = 0, of: int | None = None, copies: int = _COPIES) -> Iterator[bytes]:
    """So many lines from the given place of a series of ``of`` on: the same ones in every run, no two of one id."""
    templates = [_template(line) for line in recorded_lines()]
    total = of or count
    dice = random.Random(first)
    members = max(1, int(total * _MEMBERS_PER_RSVP))
    for number in range(first, first + count):
        member = 1 + int(members * dice.random() ** 2)
        place = member * 37 + dice.randrange(_GROUPS_OF_MEMBER)
        template, copy = templates[place % len(templates)], member % copies
        at = _START_MS + number * _SPAN_MS // total
        event = at - at % _EVENT_STEP_MS + dice.randrange(1, 4) * _EVENT_STEP_MS
        yield template.text % {
            b"rsvp": _FIRST_ID + number,
            b"mtime": at,
            b"member": member,
            b"event": template.group * 1000 + copy * 200 + event // _EVENT_STEP_MS % 200,
            b"time": event,
            b"group": template.group + copy,
        }


def segments(count: int, *, first: int = 0, of: int | None = None, copies: int = _COPIES) -> Iterator[bytes]:
    """The same as bodies of segments."""
    lines = rsvps(count, first=first, of=of, copies=copies)
    while part := list(itertools.islice(lines, PER_SEGMENT)):
        packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
        yield packer.compress(b"".join(line + b"\n" for line in part)) + packer.flush()


def _template(line: bytes) -> _Template:
    found = msgspec.json.decode(line)
    text = line.replace(b"%", b"%%")
    holes = {
        b'"rsvp_id":%d' % found["rsvp_id"]: b'"rsvp_id":%(rsvp)d',
        b'"mtime":%d' % found["mtime"]: b'"mtime":%(mtime)d',
        b'"member_id":%d' % found["member"]["member_id"]: b'"member_id":%(member)d',
        b'"event_id":"%s"' % found["event"]["event_id"].encode(): b'"event_id":"%(event)d"',
        b'"group_id":%d' % found["group"]["group_id"]: b'"group_id":%(group)d',
        b'"time":%d' % found["event"].get("time", 0): b'"time":%(time)d',
    }
    for known, hole in holes.items():
        text = text.replace(known, hole, 1)
    return _Template(text, found["group"]["group_id"])

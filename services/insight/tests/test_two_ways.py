"""A line gives the same rows, parts, faults and rejects by the quick way and by the careful one, whatever it holds."""

import gzip
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meetup_insight.loading.batch import Batch
from meetup_insight.loading.extraction import Extractor
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.loading.objects import Reader
from meetup_insight.loading.record_loader import load_records
from meetup_insight.loading.record_shape import own_columns
from meetup_insight.schema import FEED_TABLES, FeedTable
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse
from meetupkit.stores import open_objects

from services.insight.tests.conftest import KEY, Store, lines_of

RECORDED = sorted((Path(__file__).parents[4] / "shared" / "data").glob("*/*.ndjson.gz"))
HASH = MemberHash(KEY)

TOKENS = [
    b"null", b"true", b"false", b"[]", b"{}", b'""', b'" "', b"[null]", b"[[]]", b'[{"urlkey":null}]',
    b'[{"urlkey":""}]', b'[{"urlkey":"a","topic_name":7},{"urlkey":"a","topic_name":"A"}]', b'{"urlkey":"one"}',
    b"0", b"-0", b"-0.0", b"1", b"-1", b"1.0", b"1.5", b"1e5", b"1E5", b"1e-3", b"0.1e1",
    b"1e400", b"-1e400", b"1e-400",
    b"2147483648", b"9007199254740993", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808",
    b"-9223372036854775809", b"18446744073709551616", b"253402300799999", b"253402300800000", b"9" * 41,
    b"1" + b"0" * 45,
    b"9" * 400, b"9" * 4299, b"9" * 5000, b"0." + b"3" * 5000, b"12345678901234567.0", b"90", b"90.0000001", b"-180",
    b"181",
    b'"0"', b'"12"', b'" 12 "', b'"-3"', b'"+3"', b'"1e5"', b'"1.0"', b'"1_0"', b'"NaN"', b'"inf"', b'"12.5"',
    '"١٢"'.encode(), b'"0x1f"', b'"' + b"9" * 60 + b'"', b'"true"', b'"null"', b'"a\\u0000b"', b'"\\u0000"',
    b'"\\ud83d\\ude00"', b'"\\ud800"', b'"\\udc00x"', b'"\\ud83d\\ud83d"', b'"\xed\xa0\x80"', b'"\xff"', b'"\xc3"',
    '"\u2028\u00a0é😀"'.encode(), b'"\\q"', b'"\\u12"', b'"\t"', b'"\x00"', b"NaN", b"Infinity", b"-Infinity", b"nul",
    b"01", b"1.",
    b".5", b"+1", b"-", b"0x1f", b"'a'", b"[1,]", b'{"a":1,}', b'{"a"}', b"", b"/**/1", b"1 2", b"}", b"]", b'"',
    b"[" * 100 + b"]" * 100, b"[" * 190 + b"]" * 190, b"[" * 205 + b"]" * 205, b"[" * 1500 + b"]" * 1500, b"[" * 300,
    b'{"a":' * 195 + b"1" + b"}" * 195, b'{"a":' * 600 + b"1" + b"}" * 600, b"[" + b"[]," * 300 + b"[]]",
    b'"' + b"[{" * 400 + b'"',
]  # fmt: skip
"""What may stand where a value should: of the wrong type, out of range, or no JSON."""


def paths_of(feed_table: FeedTable) -> list[tuple[str, ...]]:
    """Where columns and parts take their values from, the objects around them, and a place that nobody reads."""
    found = [column.path for column in own_columns(feed_table)]
    for part in feed_table.parts:
        found += [part.path, *((*part.path, *path) for path in part.paths)]
        found += [(*part.path, *part.topics[0])] if part.topics else []
    around = {path[:depth] for path in found for depth in range(1, len(path))}
    return [*dict.fromkeys([*found, *sorted(around), ("nobody", "reads")])]


def with_token(line: bytes, path: Sequence[str], token: bytes) -> bytes:
    """The record with these bytes as the value at the path."""
    return _without_value(line, tuple(path)).replace(b'"@here@"', token, 1)


@cache
def _without_value(line: bytes, path: tuple[str, ...]) -> bytes:
    """What stands around the value, for all the tokens that are put there."""
    record = json.loads(line)
    place = record
    for key in path[:-1]:
        if not isinstance(place.get(key), dict):
            place[key] = {}
        place = place[key]
    place[path[-1]] = "@here@"
    return json.dumps(record, ensure_ascii=False).encode()


def with_twin(line: bytes, path: Sequence[str], token: bytes, *, first: bool) -> bytes:
    """The record with the path's first key twice."""
    entry = b'"%s":%s' % (path[0].encode(), token)
    return b"{" + entry + b"," + line[1:] if first else line[:-1] + b"," + entry + b"}"


def everything(extractor: Extractor, lines: Sequence[bytes], at_once: int = 200) -> dict[str, Any]:
    """All that becomes of the lines, in an order and a form that can be compared."""
    batch, days, rejects = Batch(), Counter[int](), Counter[tuple[str, str]]()
    for start in range(0, len(lines), at_once):
        taken = extractor.read(lines[start : start + at_once], batch)
        days.update(taken.days)
        rejects.update((reason, digest) for _, reason, digest in taken.rejects)
    ready = extractor.ready(batch)
    found: dict[str, Any] = {"days": days, "rejects": rejects, "unreadable": ready.unreadable}
    found["versions"] = Counter(map(repr, rows(ready.versions)))
    for name, seen in ready.parts.items():
        found[name] = merged(rows(seen.facts))
        found[f"{name} topics"] = merged([(group, topic, *times) for group, topic, _, *times in rows(seen.topics)])
        found[f"{name} names"] = {(group, topic, name) for group, topic, name, *_ in rows(seen.topics)}
    return found


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def merged(seen: Sequence[tuple[Any, ...]]) -> dict[str, tuple[Any, Any]]:
    """Each description once, with its first and last time."""
    times: dict[str, list[Any]] = {}
    for *facts, first, last in seen:
        times.setdefault(repr(facts), []).extend((first, last))
    return {facts: (min(each), max(each)) for facts, each in times.items()}


def assert_same(feed_table: FeedTable, lines: Sequence[bytes], at_once: int = 200) -> None:
    gone = frozenset({str(HASH(4))})
    quick, careful = (Extractor(feed_table, HASH, gone, quickly=quickly) for quickly in (True, False))
    assert everything(quick, lines, at_once) == everything(careful, lines, at_once)


@pytest.mark.parametrize(
    ("feed_table", "file"),
    [(table, file) for file in RECORDED for table in FEED_TABLES if file.name.startswith(table.feed.name)],
    ids=lambda each: getattr(each, "name", ""),
)
def test_every_recording_gives_the_same_both_ways(feed_table: FeedTable, file: Path) -> None:
    assert_same(feed_table, [line for line in gzip.decompress(file.read_bytes()).split(b"\n") if line])


def hostile(feed_table: FeedTable) -> Iterator[bytes]:
    """Every token at every place."""
    good = lines_of(feed_table.feed.name, 5)
    for path in paths_of(feed_table):
        for number, token in enumerate(TOKENS):
            yield with_token(good[number % len(good)], path, token)


@pytest.mark.parametrize("feed_table", FEED_TABLES, ids=lambda each: each.feed.name)
def test_every_hostile_value_at_every_place_gives_the_same_both_ways(feed_table: FeedTable) -> None:
    lines = list(hostile(feed_table))
    random.Random(1).shuffle(lines)
    assert len(lines) > 700
    assert_same(feed_table, lines)


@pytest.mark.parametrize("feed_table", FEED_TABLES, ids=lambda each: each.feed.name)
@pytest.mark.parametrize("digits", [4_299, 4_300, 4_301, 5_000, 9_000])
def test_a_number_of_thousands_of_digits_beside_a_value_of_its_name_gives_the_same_both_ways(
    digits: int, feed_table: FeedTable
) -> None:
    """The quick way took a record whose group came after such a number; a stream refuses it."""
    (good,) = lines_of(feed_table.feed.name, 1)
    keys = {path[0]: path for path in paths_of(feed_table)}.values()
    assert_same(
        feed_table, [with_twin(good, path, b"9" * digits, first=first) for path in keys for first in (True, False)]
    )


@pytest.mark.parametrize("feed_table", FEED_TABLES, ids=lambda each: each.feed.name)
def test_hostile_values_end_in_the_warehouse_as_the_careful_way_reads_them(
    feed_table: FeedTable, store: Store, tmp_path: Path
) -> None:
    lines = [line for line in hostile(feed_table) if b"\n" not in line]
    store.put_segment(feed_table.feed.name, "2017-03-19/12/aa", lines)
    warehouse = DuckDbWarehouse(tmp_path / "w.duckdb")
    warehouse.prepare()
    load_records(warehouse, Reader(open_objects(store.url), threading.Event()), {}, HASH, frozenset(), lambda: None)
    careful = everything(Extractor(feed_table, HASH, frozenset(), quickly=False), lines)
    found = warehouse.rows(f"SELECT * FROM {feed_table.versions.name}")
    assert {repr(row) for row in found} == set(careful["versions"])
    assert len(found) == len(careful["versions"])
    rejects = warehouse.rows("SELECT reason, digest, times FROM rejects")
    assert {(reason, digest): times for reason, digest, times in rejects} == careful["rejects"]
    unreadable = warehouse.rows("SELECT record, epoch_ms(mtime), body_key, field FROM unreadable_fields")
    assert set(unreadable) == careful["unreadable"]
    for part in feed_table.parts:
        assert merged(warehouse.rows(f"SELECT * FROM {part.table.name}")) == careful[part.table.name]


@st.composite
def strange_lines(draw: st.DrawFn) -> tuple[FeedTable, list[bytes], int]:
    """A few good lines, and lines with values that are strange, there twice, or cut and changed anywhere."""
    table = draw(st.sampled_from(FEED_TABLES))
    good = lines_of(table.feed.name, 20)
    value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
    )
    token = st.sampled_from(TOKENS) | st.builds(lambda each: json.dumps(each).encode(), value)
    lines = []
    for _ in range(draw(st.integers(1, 12))):
        line, path = draw(st.sampled_from(good)), draw(st.sampled_from(paths_of(table)))
        match draw(st.sampled_from(["good", "token", "token", "twin", "cut", "changed", "bytes"])):
            case "token":
                line = with_token(line, path, draw(token))
            case "twin":
                line = with_twin(line, path, draw(token), first=draw(st.booleans()))
            case "cut":
                line = line[: draw(st.integers(0, len(line)))]
            case "changed":
                where = draw(st.integers(0, len(line)))
                line = line[:where] + draw(st.binary(max_size=4)) + line[where + draw(st.integers(0, 4)) :]
            case "bytes":
                line = draw(st.binary(max_size=30))
            case _:
                pass
        lines.append(line.replace(b"\n", b" "))
    return table, lines, draw(st.sampled_from([1, 2, 100]))


@settings(max_examples=80, deadline=None)
@given(strange_lines())
def test_strange_lines_give_the_same_both_ways(drawn: tuple[FeedTable, list[bytes], int]) -> None:
    assert_same(*drawn)


def test_more_groups_than_are_remembered_end_a_batch_and_lose_nothing(tmp_path: Path, store: Store) -> None:
    lines = [
        b'{"rsvp_id":%d,"mtime":%d,"group":{"group_id":%d,"group_topics":[{"urlkey":"t%d"}]}}' % (n, n, n, n % 7)
        for n in range(1, 120_001)
    ]
    store.put_segment("rsvps", "2017-03-19/12/aa", lines)
    warehouse = DuckDbWarehouse(tmp_path / "w.duckdb")
    warehouse.prepare()
    moved: list[None] = []
    reader = Reader(open_objects(store.url), threading.Event())
    load_records(warehouse, reader, {}, HASH, frozenset(), lambda: moved.append(None))
    assert len(moved) > len(FEED_TABLES) + 1
    for table in ("rsvps", "rsvps_versions", "groups_seen", "group_topics_seen"):
        assert warehouse.count(table) == len(lines)
    assert warehouse.rows("SELECT count(*) FROM rsvps JOIN groups_seen USING (group_id) WHERE mtime <> last_seen") == [
        (0,)
    ]

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetupkit.feeds import FEEDS, Feed
from meetupkit.records import Reason, Record, Rejection, read_line

DATA = Path(__file__).parents[4] / "shared" / "data"
RSVPS = FEEDS["rsvps"]
COMMENTS = FEEDS["event_comments"]
EVENTS = FEEDS["open_events"]


def rsvp(**other: object) -> bytes:
    record = {"rsvp_id": 7, "mtime": 1_500_000_000_123, "member": {"member_id": 5}, "group": {"group_id": 6}, **other}
    return json.dumps({name: value for name, value in record.items() if value is not ...}).encode()


def test_a_record_carries_its_own_bytes_and_ids() -> None:
    line = rsvp()
    assert read_line(RSVPS, line) == Record("7", 1_500_000_000_123, line, members=(5,), groups=(6,))


def test_a_negative_comment_id_is_an_id() -> None:
    record = read_line(COMMENTS, b'{"id":-259414201,"mtime":1541557753087,"group":{"id":1608555}}')
    assert isinstance(record, Record)
    assert (record.data_id, record.members, record.groups) == ("-259414201", (), (1608555,))


def test_an_alphanumeric_event_id_is_an_id() -> None:
    record = read_line(EVENTS, b'{"id":"hvkmsmywfbhc","mtime":1,"group":{"id":2}}')
    assert isinstance(record, Record)
    assert record.data_id == "hvkmsmywfbhc"


@pytest.mark.parametrize("former", [0, -1, "5", 5.0, True, None, 1 << 63, {"member_id": 5}])
def test_what_names_no_profile_is_not_looked_up(former: object) -> None:
    record = read_line(RSVPS, rsvp(member={"member_id": former}))
    assert isinstance(record, Record)
    assert record.members == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", Reason.NOT_JSON),
        (b"<html>502 Bad Gateway</html>", Reason.NOT_JSON),
        (rsvp()[:-1], Reason.NOT_JSON),
        (rsvp() + b"}", Reason.NOT_JSON),
        (b'{"rsvp_id":NaN,"mtime":1}', Reason.NOT_JSON),
        (b'{"rsvp_id":1,"mtime":Infinity}', Reason.NOT_JSON),
        (b'{"rsvp_id":1,"mtime":1,"x":"\xff"}', Reason.NOT_JSON),
        (b"[" * 100_000, Reason.NOT_JSON),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, Reason.NOT_JSON),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b'"text"', Reason.NOT_AN_OBJECT),
        (b'{"errors":[{"code":"throttled"}]}', Reason.ERRORS),
        (rsvp(rsvp_id=...), Reason.NO_ID),
        (rsvp(rsvp_id=None), Reason.NO_ID),
        (rsvp(rsvp_id="7"), Reason.BAD_ID),
        (rsvp(rsvp_id=7.0), Reason.BAD_ID),
        (rsvp(rsvp_id=True), Reason.BAD_ID),
        (rsvp(rsvp_id=1 << 63), Reason.BAD_ID),
        (b'{"rsvp_id":1' + b"0" * 4_000 + b',"mtime":1}', Reason.BAD_ID),
        (rsvp(mtime=...), Reason.NO_MTIME),
        (rsvp(mtime="1500000000123"), Reason.BAD_MTIME),
        (rsvp(mtime=1.5), Reason.BAD_MTIME),
        (rsvp(mtime=-1), Reason.BAD_MTIME),
        (rsvp(mtime=10**18), Reason.BAD_MTIME),
    ],
)
def test_a_line_that_is_not_a_record_is_rejected_with_its_reason(line: bytes, reason: Reason) -> None:
    rejection = read_line(RSVPS, line)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert rejection.line == line
    assert rejection.detail


@pytest.mark.parametrize("unsafe", ["../../etc/passwd", "a/b", "", ".", "a\x00", "a\n", "é", "x" * 129, 7])
def test_an_id_that_is_unsafe_in_a_name_is_rejected(unsafe: object) -> None:
    rejection = read_line(EVENTS, json.dumps({"id": unsafe, "mtime": 1}).encode())
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.BAD_ID


@pytest.mark.parametrize(
    "line",
    [
        b'{"rsvp_id":1,"mtime":2,"deep":' + b"[" * 250 + b"]" * 250 + b"}",
        b'{"rsvp_id":1,"mtime":2,"deep":' + b'{"a":' * 250 + b"1" + b"}" * 251,
        b'{"rsvp_id":1,"mtime":2,"half":"\\ud800"}',
        b'{"rsvp_id":1,"mtime":2,"latin":"\xe9"}',
        b'{"rsvp_id":1,"mtime":2,"\xe9":1}',
        b'{"rsvp_id":1,"mtime":2,"surrogate":"\xed\xa0\x80"}',
        b'{"rsvp_id":1,"mtime":2,"escape":"\\x41"}',
        b'{"rsvp_id":1,"mtime":2,"comma":[1,]}',
        b'{"rsvp_id":1,"mtime":2,"NaN":NaN}',
        b'{"rsvp_id":1,"mtime":2,"control":"\x01"}',
        b'{"rsvp_id":1,"mtime":2,"number":01}',
        b'{"rsvp_id":1,"mtime":2,"number":-NaN}',
        b'{"rsvp_id":1,"mtime":2,"number":-Infinity}',
    ],
)
def test_what_no_field_of_the_row_lies_in_must_be_json_too(line: bytes) -> None:
    rejection = read_line(RSVPS, line)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.NOT_JSON


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    record = read_line(RSVPS, b'{"rsvp_id":8,"mtime":2,"member":{"member_id":1},"rsvp_id":3,"member":{"member_id":4}}')
    assert isinstance(record, Record)
    assert (record.data_id, record.members) == ("3", (4,))


@pytest.mark.parametrize("brackets", [10, 190, 210])
def test_many_brackets_side_by_side_are_not_deep(brackets: int) -> None:
    record = read_line(RSVPS, rsvp(topics=[[] for _ in range(brackets)]))
    assert isinstance(record, Record)
    assert (record.members, record.groups) == ((5,), (6,))


@pytest.mark.parametrize(
    "member", [None, "former", [5], {}, {"member_id": None}, {"member_id": "5"}, {"member_id": -5}]
)
def test_a_record_is_one_whatever_stands_where_a_profile_should(member: object) -> None:
    record = read_line(RSVPS, rsvp(member=member))
    assert isinstance(record, Record)
    assert (record.members, record.groups) == ((), (6,))


@pytest.mark.parametrize("members", [("rsvp_id",), ("rsvp_id", "of")], ids=["the same place", "within it"])
def test_a_row_may_name_one_place_twice(members: tuple[str, ...]) -> None:
    record = read_line(replace(RSVPS, name="custom", member_paths=(members,)), rsvp())
    assert isinstance(record, Record)
    assert record.members == ((7,) if len(members) == 1 else ())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["rsvp_id", "mtime", "member"]), inner),
)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_line_raises(line: bytes) -> None:
    assert isinstance(read_line(RSVPS, line), Record | Rejection)


RECORDED = [
    pytest.param(feed, file, id=file.name)
    for file in sorted(DATA.glob("*/*.ndjson.gz"))
    for feed in FEEDS.values()
    if file.name.startswith(feed.name)
] or [pytest.param(RSVPS, DATA, id="none", marks=pytest.mark.skip(f"no recorded data at {DATA}"))]


@pytest.mark.parametrize(("feed", "file"), RECORDED)
def test_every_recorded_line_is_a_record(feed: Feed, file: Path) -> None:
    lines = gzip.decompress(file.read_bytes()).split(b"\n")[:-1]
    assert lines
    for line in lines:
        record = read_line(feed, line)
        assert isinstance(record, Record), record
        assert len(record.members) <= len(feed.member_paths)
        assert len(record.groups) == len(feed.group_paths)

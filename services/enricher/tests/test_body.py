"""The ids in a request's body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_enricher.http.body import MAX_IDS, BadRequest, read_ids, read_request
from meetup_enricher.kinds import MAX_ID

ids = st.lists(st.integers(1, MAX_ID), max_size=20)


def refusal(body: bytes | str) -> BadRequest:
    with pytest.raises(BadRequest) as raised:
        read_ids(body.encode() if isinstance(body, str) else body)
    return raised.value


@given(ids, ids)
def test_ids_come_through_as_they_were_sent(members: list[int], groups: list[int]) -> None:
    sent = {"members": members, "groups": groups}
    assert read_ids(json.dumps(sent).encode()) == sent


def test_a_kind_that_is_left_out_has_no_ids() -> None:
    assert read_ids(b'{"groups":[1]}') == {"members": [], "groups": [1]}


@pytest.mark.parametrize("name", ["", "rsvps", "open_events", "check-ins", "0", "-", "a" * 63])
def test_a_client_says_who_it_is(name: str) -> None:
    assert read_request(json.dumps({"members": [1], "client": name}).encode()).client == name
    assert read_request(b'{"members":[1]}').client == ""


@pytest.mark.parametrize(
    "name",
    ["a" * 64, "Rsvps", "a b", "a\n", "\n", "é", "a.b", "a/b", "\u202e", "\x1b[31m", None, 5, True, [], {}, ["a"]],
)
def test_a_name_that_no_feed_can_have_is_refused_in_words(name: object) -> None:
    refused = refusal(json.dumps({"members": [1], "client": name}))
    assert (refused.status, refused.mistakes) == (
        422,
        ("client: must be at most 63 of the characters a-z, 0-9, _ and -",),
    )


def test_a_client_alone_asks_for_nothing_and_is_refused() -> None:
    assert refusal('{"client":"rsvps"}').mistakes == ("one of members and groups is required",)


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ("0", "0"),
        ("-1", "-1"),
        ("9223372036854775808", "one of more than 64 bits"),
        ("-" + "9" * 400, "one of more than 64 bits"),
        ('"12"', "text"),
        ("1.0", "1.0"),
        ("1e3", "1000.0"),
        ("true", "true"),
        ("null", "null"),
        ("[1]", "a list"),
        ("{}", "an object"),
    ],
)
def test_what_is_no_id_is_named_with_its_place(item: str, shown: str) -> None:
    refused = refusal('{"groups":[5],"members":[1,2,3,' + item + "]}")
    assert refused.status == 422
    assert refused.mistakes == (f"members[3]: must be a whole number from 1 to {MAX_ID}, not {shown}",)


def test_every_mistake_is_named_up_to_a_bound() -> None:
    refused = refusal(json.dumps({"members": [0] * 100, "others": []}))
    assert len(refused.mistakes) == 21
    assert refused.mistakes[0] == "'others': no such field, there are members and groups"
    assert refused.mistakes[-1] == "and more"


@pytest.mark.parametrize("body", ["[]", "1", "null", '"members"', "{}", '{"members":5}', '{"members":{"1":2}}'])
def test_another_shape_is_refused(body: str) -> None:
    assert refusal(body).status == 422


def test_too_many_ids_are_refused() -> None:
    half = list(range(1, MAX_IDS // 2 + 1))
    assert len(read_ids(json.dumps({"members": half, "groups": half}).encode())["members"]) == MAX_IDS // 2
    assert "at most" in refusal(json.dumps({"members": half, "groups": [*half, 1]})).mistakes[0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"members":[NaN]}',
        b'{"members":[Infinity]}',
        b'{"members":[1]}x',
        b'\xff{"members":[1]}',
        b'{"members":["\xff"]}',
        b'{"members":["\\ud800"]}',
        b"[" * 500_000,
        b'{"members":' * 100_000,
        b"9" * 1_000_000,
    ],
)
def test_what_is_no_json_is_refused_as_such(body: bytes) -> None:
    assert refusal(body).status == 400


@given(st.binary())
def test_no_body_makes_the_reader_fail_otherwise(body: bytes) -> None:
    try:
        read_ids(body)
    except BadRequest as refused:
        assert refused.status in {400, 422}

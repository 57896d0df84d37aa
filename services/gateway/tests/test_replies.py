"""What each answer of the API means: the error table, in the forms that clients recorded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_gateway.observing.pages import Listing, read_page
from meetup_gateway.source.replies import (
    EndpointRetired,
    PointsGone,
    QueryRefused,
    Reply,
    TokenRefused,
    read_reply,
)
from meetupkit.errors import MeetupError, UpstreamRefused, UpstreamUnavailable

NOW = 1_795_000_000.0
LIMITED = {
    "message": "Too many requests, please try again shortly.",
    "locations": [{"line": 2, "column": 3}],
    "path": ["g1"],
    "extensions": {"code": "RATE_LIMITED", "consumedPoints": 512, "resetAt": "2026-11-18T11:07:10.500Z"},
}


def read(value: Any, status: int = 200, **headers: str) -> Reply:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read_reply(status, headers, body, NOW)


def test_a_limited_alias_is_a_failure_and_the_others_are_answers() -> None:
    reply = read({"errors": [LIMITED], "data": {"g0": {"id": "1"}, "g1": None}})
    assert reply.data["g0"] == {"id": "1"}
    assert reply.harmed == (("g1",),)
    assert reply.limit is not None
    assert (reply.limit.consumed, reply.limit.seconds) == (512, 30.5)


@pytest.mark.parametrize("data", [None, {"g1": None}, {}])
def test_a_limit_without_data_waits_until_the_reset(data: Any) -> None:
    with pytest.raises(PointsGone) as raised:
        read({"errors": [LIMITED], "data": data})
    assert raised.value.limit.seconds == 30.5


def test_a_reset_is_read_by_the_servers_own_clock() -> None:
    with pytest.raises(PointsGone) as raised:
        read({"errors": [LIMITED], "data": None}, Date="Wed, 18 Nov 2026 11:07:00 GMT")
    assert raised.value.limit.seconds == 10.5


@pytest.mark.parametrize("reset", [None, "soon", 5, "2026-11-18T11:07:10"])
def test_a_limit_that_does_not_say_until_when_waits_a_window(reset: Any) -> None:
    error = {**LIMITED, "extensions": {"code": "RATE_LIMITED", "resetAt": reset, "consumedPoints": "many"}}
    with pytest.raises(PointsGone) as raised:
        read({"errors": [error], "data": None})
    assert (raised.value.limit.seconds, raised.value.limit.consumed) == (60, None)


def test_429_waits_as_it_is_told_or_a_window() -> None:
    for header, seconds in ({"Retry-After": "7"}, 7), ({}, 60), ({"Retry-After": "never"}, 60):
        with pytest.raises(PointsGone) as raised:
            read({"errors": [{"code": "throttled"}]}, 429, **header)
        assert raised.value.limit.seconds == seconds


@pytest.mark.parametrize("status", [400, 403, 429, 503])
def test_a_limit_is_one_whatever_the_status(status: int) -> None:
    with pytest.raises(PointsGone) as raised:
        read({"errors": [LIMITED], "data": None}, status)
    assert (raised.value.limit.seconds, raised.value.limit.consumed) == (30.5, 512)
    with pytest.raises(PointsGone) as raised:
        read({"errors": [LIMITED]}, status, **{"Retry-After": "7"})
    assert (raised.value.limit.seconds, raised.value.limit.consumed) == (7, 512)


@pytest.mark.parametrize(
    "error",
    [
        {"code": "throttled", "message": "Credentials have been throttled"},
        {"extensions": {"code": "rate_limited"}},
        {"extensions": {"code": "TOO_MANY_REQUESTS"}},
    ],
)
def test_other_words_for_a_limit_are_understood(error: dict[str, Any]) -> None:
    with pytest.raises(PointsGone) as raised:
        read({"errors": [error]})
    assert raised.value.limit.seconds == 60


@pytest.mark.parametrize("reset", [NOW + 12, (NOW + 12) * 1000])
def test_a_reset_since_the_epoch_is_read(reset: float) -> None:
    with pytest.raises(PointsGone) as raised:
        read({"errors": [{"extensions": {"code": "RATE_LIMITED", "resetAt": reset}}]})
    assert raised.value.limit.seconds == 12


@pytest.mark.parametrize(
    "reset",
    [
        10**400,
        -(10**400),
        1e308,
        True,
        [],
        {},
        "9" * 60,
        "2021-12-12T18:37:51.644Z",
        "2031-12-12T18:37:51.644Z",
        "2026-11-18T11:06:39Z",
        NOW - 5,
    ],
)
def test_a_reset_that_makes_no_sense_waits_a_window(reset: Any) -> None:
    with pytest.raises(PointsGone) as raised:
        read({"errors": [{"extensions": {"code": "RATE_LIMITED", "resetAt": reset}}]})
    assert raised.value.limit.seconds == 60


@pytest.mark.parametrize("status", [400, 422])
def test_a_field_that_is_not_known_is_named_whatever_the_status(status: int) -> None:
    error = {
        "message": "Cannot query field 'foo' on type 'Group'.",
        "extensions": {"classification": "ValidationError"},
    }
    with pytest.raises(QueryRefused) as raised:
        read({"errors": [error]}, status)
    assert raised.value.undefined == {"Group.foo"}
    with pytest.raises(UpstreamRefused):
        read({"errors": [{"message": "what?"}]}, status)


@pytest.mark.parametrize(
    "message",
    [
        "Validation error (FieldUndefined@[group/foo]) : Field 'foo' in type 'Group' is undefined",
        "Cannot query field 'foo' on type 'Group'.",
    ],
)
def test_a_field_that_is_not_known_is_named(message: str) -> None:
    error = {"message": message, "extensions": {"classification": "ValidationError"}}
    with pytest.raises(QueryRefused) as raised:
        read({"errors": [error]})
    assert raised.value.undefined == {"Group.foo"}


def test_a_recorded_enum_error_is_a_refused_query() -> None:
    error = {
        "message": "Variable 'status' has an invalid value: Invalid input for enum 'EventStatus'. "
        "No value found for name 'UPCOMING'",
        "locations": [{"line": 5, "column": 3}],
        "extensions": {"classification": "ValidationError"},
    }
    with pytest.raises(QueryRefused) as raised:
        read({"errors": [error]})
    assert raised.value.undefined == frozenset()


@pytest.mark.parametrize(
    ("value", "status", "kind"),
    [
        ({"errors": [{"message": "Unauthorized"}]}, 401, TokenRefused),
        (b"", 401, TokenRefused),
        ({"errors": [{"message": "Unauthorized"}], "data": None}, 200, TokenRefused),
        ({"message": "This API endpoint is deprecated and will be turned off soon."}, 503, EndpointRetired),
        (b"<html>504 Gateway Time-out</html>", 504, UpstreamUnavailable),
        ({"message": "unavailable"}, 503, UpstreamUnavailable),
        (b"", 502, UpstreamUnavailable),
        (b"", 200, UpstreamUnavailable),
        (b"<html></html>", 200, UpstreamUnavailable),
        (b"[]", 200, UpstreamUnavailable),
        (b'{"data":', 200, UpstreamUnavailable),
        ({"errors": [{"message": "Internal Server Error(s) while executing query"}]}, 200, UpstreamUnavailable),
        ({"data": "x"}, 200, UpstreamUnavailable),
        (b"[" * 100_000, 200, UpstreamUnavailable),
        (b'{"data":{"g0":{"a":[' + b"{}," * 600_000 + b"1]}}}", 200, UpstreamUnavailable),
        ({"errors": [{"message": "Forbidden"}]}, 403, UpstreamRefused),
        (b"", 404, UpstreamRefused),
        (b"", 302, UpstreamRefused),
    ],
)
def test_every_other_answer_is_its_error(value: Any, status: int, kind: type[MeetupError]) -> None:
    with pytest.raises(kind):
        read(value, status)


def test_a_field_that_this_member_may_not_see_is_no_refused_token() -> None:
    error = {"message": "Not authorized to see this group", "path": ["g0", "events"]}
    reply = read({"errors": [error], "data": {"g0": None}})
    assert reply.harmed == (("g0", "events"),)


def test_an_error_text_is_shown_on_one_printable_line() -> None:
    with pytest.raises(UpstreamRefused) as raised:
        read({"errors": [{"message": "a\x1b[31m\nb" + "x" * 1000}]}, 403)
    assert "\n" not in str(raised.value)
    assert "\x1b" not in str(raised.value)
    assert len(str(raised.value)) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "errors", "path", "extensions", "message", "code", "g0", "edges", "node", "events", "pageInfo"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(JSON, st.sampled_from([200, 400, 401, 403, 429, 500, 503]))
def test_no_answer_however_odd_is_anything_but_a_reply_or_an_error_of_ours(value: Any, status: int) -> None:
    try:
        reply = read(json.dumps(value).encode(), status)
    except MeetupError:
        return
    for root in reply.data.values():
        Listing().add(read_page(root, ("events",), [place[1:] for place in reply.harmed]))


def test_half_of_a_surrogate_pair_is_in_no_answer_and_whole_pairs_stay() -> None:
    reply = read(b'{"data": {"g0": {"title": "a\\ud83d", "name": "\\uD83D\\uDE00", "\\udc00": [1, "\\ude00x"]}}}')
    assert reply.data["g0"] == {"title": "a?", "name": "\U0001f600", "?": [1, "?x"]}


def page(ids: list[str], cursor: str | None = None, total: int | None = None) -> dict[str, Any]:
    info = {"hasNextPage": cursor is not None, "endCursor": cursor}
    return {"events": {"edges": [{"node": {"id": each}} for each in ids], "pageInfo": info, "totalCount": total}}


def listed(*pages: dict[str, Any], harmed: tuple[Any, ...] = ()) -> Listing:
    listing = Listing()
    for each in pages:
        if not listing.add(read_page(each, ("events",), harmed)):
            break
    return listing


def test_a_list_is_whole_when_its_end_was_seen() -> None:
    assert listed(page(["1"], "a"), page(["2"])).whole
    assert listed(page([])).whole
    assert listed(page(["1"], total=5)).whole  # it counts what this member cannot see
    assert not listed(page(["1"], "a")).whole


@pytest.mark.parametrize(
    "pages",
    [
        (page(["1"], "a"), page(["1"], "b")),
        (page(["1"], "a"), page(["2"], "a")),
        (page(["1"], "a"), page([], "b")),
        (page(["1"], "a"), page(["2"], total=3)),
        ({"events": None},),
        ({"events": {"edges": [{"node": None}], "pageInfo": {"hasNextPage": False}}},),
        ({"events": {"edges": [None]}},),
    ],
    ids=["nothing new", "same cursor", "empty", "lost while paging", "null", "null node", "null edge"],
)
def test_a_list_that_turns_in_a_circle_or_lost_something_is_not_whole(pages: tuple[dict[str, Any], ...]) -> None:
    assert not listed(*pages).whole


def test_a_node_below_which_something_failed_is_not_taken_for_what_it_says() -> None:
    found = listed(page(["1", "2"]), harmed=(("events", "edges", 0, "node", "venues"),))
    assert set(found.nodes) == {"2"}
    assert not found.whole


@pytest.mark.parametrize("errors", [True, 1, 1.5, "text", {"message": "x"}])
@pytest.mark.parametrize("status", [200, 403, 503])
def test_errors_that_are_no_list_are_an_answer_without_errors(errors: Any, status: int) -> None:
    with pytest.raises(MeetupError, match="answered"):
        read(json.dumps({"errors": errors, "data": None}).encode(), status)


@pytest.mark.parametrize("consumed", [10**400, -1, True, "12", None, [], 0])
def test_points_that_cannot_be_are_not_told(consumed: Any) -> None:
    error = {"message": "x", "extensions": {"code": "RATE_LIMITED", "consumedPoints": consumed}}
    with pytest.raises(PointsGone) as gone:
        read(json.dumps({"errors": [error], "data": None}).encode(), 200)
    assert gone.value.limit.consumed is None

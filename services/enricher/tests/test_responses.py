"""What an answer of the API means."""

import json
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_enricher.meetup.responses import AnswerTooLarge, IdsRefused, ThrottledRepeatedly, read_answer
from meetupkit.errors import MeetupError, Throttled, UpstreamRefused, UpstreamUnavailable

NOW = datetime(2018, 5, 20, 12, tzinfo=UTC).timestamp()
THROTTLED = b'{"details":"Credentials have been throttled","code":"throttled","problem":"Client throttled"}'
BLOCKED = (
    b'{"details":"Credentials have be throttled more than the allowed times in one hour","code":"throttled",'
    b'"problem":"Client throttled"}'
)
V3_THROTTLED = b'{"errors":[{"code":"throttled","message":"Credentials have been throttled"}]}'
BAD_REQUEST = b'{"details":"Perhaps ...","code":"bad_request","problem":"The API request is malformed"}'


def test_a_page_holds_the_profiles_by_id_as_they_were_sent() -> None:
    page = read_answer(200, {}, b'{"results":[{"id":5,"name":"\xc3\xa9"}],"meta":{"next":"","count":1}}', NOW)
    assert (page.profiles, page.results, page.strays, page.more) == ({5: {"id": 5, "name": "é"}}, 1, 0, False)


@pytest.mark.parametrize(
    "results",
    [b"{}," * 300_000 + b"{}", b"[" + b"[]," * 300_000 + b"[]]", b"1," * 300_000 + b"1"],
    ids=["{}", "[]", "1"],
)
def test_an_answer_of_more_values_than_memory_holds_is_refused_before_it_is_parsed(results: bytes) -> None:
    body = b'{"results":[' + results + b'],"meta":{"count":1,"total_count":1}}'
    tracemalloc.start()
    try:
        with pytest.raises(AnswerTooLarge):
            read_answer(200, {}, body, NOW)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_results_that_are_no_profiles_are_counted_and_left_out() -> None:
    body = b'{"results":[{"id":"5"},{"id":true},{},null,[],{"id":7}],"meta":{}}'
    page = read_answer(200, {}, body, NOW)
    assert (list(page.profiles), page.results, page.strays) == ([7], 6, 5)


@pytest.mark.parametrize(
    "result",
    [
        *(
            b'{"id":"1"}',
            b'{"id":1.0}',
            b'{"id":1e0}',
            b'{"id":NaN}',
            b'{"id":[1]}',
            b'{"id":{"id":1}}',
            b'{"id":null}',
        ),
        *(b'{"id":2,"id":1}', b'{"id":1,"id":1}', b'{"id":' + b"9" * 5000 + b"}", b'{"ID":1}', b"1", b'"1"', b"true"),
    ],
)
def test_a_result_whose_id_is_not_one_whole_number_is_nobodys_profile(result: bytes) -> None:
    page = read_answer(200, {}, b'{"results":[' + result + b'],"meta":{}}', NOW)
    assert 1 not in page.profiles
    assert page.results == 1


@pytest.mark.parametrize(
    ("meta", "complete"),
    [
        *((b"{}", None), (b'{"count":null,"total_count":null}', None)),
        *((b'{"count":1}', True), (b'{"total_count":1}', True), (b'{"count":1,"total_count":1}', True)),
        *((b'{"count":0}', False), (b'{"count":2}', False), (b'{"count":1,"total_count":200}', False)),
        *((b'{"count":"1"}', False), (b'{"count":1.0}', False), (b'{"count":true}', False), (b'{"count":[]}', False)),
        *((b'{"total_count":-1}', False), (b'{"total_count":' + b"9" * 5000 + b"}", False)),
    ],
)
def test_an_answer_is_complete_if_its_counts_are_those_of_its_results(meta: bytes, complete: bool | None) -> None:
    assert read_answer(200, {}, b'{"results":[{"id":1}],"meta":' + meta + b"}", NOW).complete is complete


def test_a_next_address_means_that_there_is_more() -> None:
    assert read_answer(200, {}, b'{"results":[],"meta":{"next":"http:\\/\\/api.meetup.com\\/2\\/groups"}}', NOW).more


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b'{"results":[{"id":1}',
        b"null",
        b"[]",
        b"{}",
        b'{"results":[]}',
        b'{"results":{},"meta":{}}',
        b'{"errors":[]}',
        b"<html>",
        b"[" * 100_000,
        b'{"results":[{"id":1}],"results":[],"meta":{}}',
        b'{"results":[],"meta":{"next":"x"},"meta":{}}',
        b'{"results":[],"meta":{"next":"x","next":""}}',
    ],
)
def test_a_200_that_is_no_page_is_tried_again(body: bytes) -> None:
    with pytest.raises(UpstreamUnavailable):
        read_answer(200, {}, body, NOW)


@pytest.mark.parametrize(
    "odd",
    [
        *(
            b'"\\ud800"',
            b'"\xff"',
            b"NaN",
            b"-Infinity",
            b"1e999",
            b"9223372036854775808",
            b"9" * 5000,
            b"-" + b"9" * 5000,
        ),
        *(b'{"a":1,"a":2}', b"[[[[]]]]", b'"\\u0000"', b'{"":0}', b"-0", b"0.1e-400"),
    ],
)
def test_one_odd_value_does_not_hold_up_the_page(odd: bytes) -> None:
    assert read_answer(200, {}, b'{"results":[{"id":1,"bio":' + odd + b'}],"meta":{}}', NOW).profiles.keys() == {1}


@pytest.mark.parametrize(
    ("status", "body"),
    [(429, THROTTLED), (429, V3_THROTTLED), (429, b""), (400, THROTTLED), (400, V3_THROTTLED)],
)
def test_throttling_is_known_by_its_status_or_its_code(status: int, body: bytes) -> None:
    with pytest.raises(Throttled) as raised:
        read_answer(status, {"Retry-After": "7"}, body, NOW)
    assert raised.value.retry_after == 7
    assert not isinstance(raised.value, ThrottledRepeatedly)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 302, 429, 500, 503])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("Sun, 20 May 2018 12:00:30 GMT", 30),
        ("99999999999", 86_400),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_a_refusal_asks_for_its_pause_as_throttling_does(status: int, text: str, seconds: float | None) -> None:
    with pytest.raises(MeetupError) as raised:
        read_answer(status, {"Retry-After": text}, b"", NOW)
    assert vars(raised.value)["retry_after"] == seconds


def test_throttling_beyond_what_is_allowed_is_told_apart() -> None:
    with pytest.raises(ThrottledRepeatedly):
        read_answer(429, {}, BLOCKED, NOW)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 599])
def test_failures_of_the_server_are_tried_again(status: int) -> None:
    with pytest.raises(UpstreamUnavailable):
        read_answer(status, {}, b"", NOW)


@pytest.mark.parametrize("status", [400, 413, 414, 422])
def test_a_request_that_is_refused_may_be_due_to_one_id(status: int) -> None:
    with pytest.raises(IdsRefused):
        read_answer(status, {}, BAD_REQUEST, NOW)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 301, 302, 204])
def test_what_no_list_of_ids_can_change_is_for_a_person(status: int) -> None:
    with pytest.raises(UpstreamRefused) as raised:
        read_answer(status, {}, b"", NOW)
    assert not isinstance(raised.value, IdsRefused)
    assert "ENRICHER_API_" in str(raised.value)


@given(
    st.integers(100, 999),
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["results", "meta", "id", "errors", "next"]), inner)
            ),
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_every_answer_is_a_page_or_a_known_error(status: int, body: bytes) -> None:
    try:
        read_answer(status, {}, body, NOW)
    except MeetupError as error:
        assert len(str(error)) < 200

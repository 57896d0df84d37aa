"""An id is called missing only if a whole and consistent answer lacked it, whatever the server does meanwhile."""

import json
import random
from collections.abc import Callable
from typing import Any, Final

import pytest
from meetup_enricher.kinds import MissingReason
from meetup_enricher.meetup.lookup import LookupResult
from meetupkit.errors import UpstreamUnavailable

from services.enricher.tests.enricher_doubles import Call, MeetupApi, Reply
from services.enricher.tests.test_lookup import Bench

Body = dict[str, Any]
Lie = Callable[[Body, Call, random.Random], bytes | None]


def changed(change: Callable[[Body, Call, random.Random], None]) -> Lie:
    """The answer with something changed in it."""

    def lie(body: Body, call: Call, dice: random.Random) -> bytes | None:
        change(body, call, dice)
        return json.dumps(body).encode()

    return lie


def lost(body: Body, call: Call, dice: random.Random) -> None:
    """A page that was cut: its counts tell of more."""
    del body["results"][dice.randrange(len(body["results"])) :]


def one_alone(body: Body, call: Call, dice: random.Random) -> None:
    """Nine times the same profile and no other."""
    body["results"] = body["results"][:1] * 9


def twice(body: Body, call: Call, dice: random.Random) -> None:
    """A page in which a profile stands in the place of another, as when pages shift."""
    results = body["results"]
    results[dice.randrange(1, len(results))] = results[0]


def stray(result: Any) -> Lie:
    def change(body: Body, call: Call, dice: random.Random) -> None:
        body["results"][dice.randrange(len(body["results"]))] = result

    return changed(change)


def count(name: str, value: Any) -> Lie:
    def change(body: Body, call: Call, dice: random.Random) -> None:
        lost(body, call, dice)
        body["meta"] = {"next": ""} | {"count": len(body["results"]), name: value}

    return changed(change)


def next_page(value: Any) -> Lie:
    def change(body: Body, call: Call, dice: random.Random) -> None:
        lost(body, call, dice)
        body["meta"] = {"count": len(body["results"]), "next": value}

    return changed(change)


def meta(value: Body) -> Lie:
    def change(body: Body, call: Call, dice: random.Random) -> None:
        lost(body, call, dice)
        body["meta"] = value

    return changed(change)


def of_a_group(body: Body, call: Call, dice: random.Random) -> None:
    """Groups that have the ids of members: somebody else's answer."""
    group = {"urlname": "x", "join_mode": "open", "who": "Members"}
    body["results"] = [{"id": each["id"], **group} for each in body["results"]]


def text(value: bytes) -> Lie:
    return lambda body, call, dice: value


def doubled(field: bytes) -> Lie:
    """The field a second time, with nothing in it."""

    def lie(body: Body, call: Call, dice: random.Random) -> bytes:
        return json.dumps(body).encode()[:-1] + b"," + field + b"}"

    return lie


STRAYS: Final[list[Any]] = [
    *(
        None,
        5,
        "5",
        [],
        {},
        {"id": "7"},
        {"id": 10**30},
        {"id": 0},
        {"id": -1},
        {"id": True},
        {"id": 1.5},
        {"id": None},
    ),
    *({"id": 999_999}, {"id": 999_999, "name": "nobody asked"}, {"id": [1]}, [[[]]], {"errors": []}, "\ud800"),
]
COUNTS: Final[list[Any]] = [200, 10**9, 10**30, -1, "200", "", [], {}, True, 1.5, float("nan"), float("inf")]
NEXTS: Final[list[Any]] = [
    "http://127.0.0.1:9/2/members?offset=1",
    "x",
    "\x1b[31m",
    True,
    1,
    {"url": "x"},
    ["x"],
    "#",
    " ",
]
METAS: Final[list[Body]] = [{"count": 200}, {"total_count": 7, "next": None}, {}]
LIES: Final[dict[str, Lie]] = {
    "a page that was cut": changed(lost),
    "a profile twice": changed(twice),
    "everything twice": changed(one_alone),
    **{f"a stray result {value!r}": stray(value) for value in STRAYS},
    **{f"{name} is {value!r}": count(name, value) for name in ("count", "total_count") for value in COUNTS},
    **{f"next is {value!r}": next_page(value) for value in NEXTS},
    **{f"meta is {value!r}": meta(value) for value in METAS},
    "groups for members": changed(of_a_group),
    "an envelope with nothing that says so little": text(b'{"results":[],"meta":{}}'),
    "results twice": doubled(b'"results":[]'),
    "meta twice": doubled(b'"meta":{}'),
    "only ids nobody asked for": text(b'{"results":[{"id":900001},{"id":900002}],"meta":{"count":2}}'),
}
NO_ANSWERS: Final = [
    b'{"results":[],"meta":{"count":0,"total_count":0,"next":""}}',
    *(b"", b"\n", b"null", b"[]", b"{}", b"0", b'""', b'{"results":[]}', b'{"meta":{}}', b'{"results":{},"meta":{}}'),
    *(b'{"results":null,"meta":null}', b'{"errors":[{"code":"x"}]}', b"<html></html>", b"[" * 20_000, b'{"results":[}'),
    *(b'{"results":[{"id":' * 5_000, b"\xff\xfe", b'{"results":[],"meta":[]}', b'{"Results":[],"Meta":{}}'),
]


@pytest.fixture
def bench(meetup: MeetupApi) -> Bench:
    made = Bench(meetup.url)
    made.breaker._limit = 10**9  # the pauses of an outage are another test's
    return made


def lying(meetup: MeetupApi, lie: Lie, dice: random.Random, times: float) -> None:
    """The first so many answers are lies."""
    left = [times]

    def override(call: Call) -> Reply | None:
        usual = meetup.usual(call, "/2/members")
        body = json.loads(usual.body)
        if left[0] <= 0 or len(body["results"]) < 2:
            return None
        left[0] -= 1
        body["meta"]["total_count"] = len(body["results"])
        return Reply(200, lie(body, call, dice) or b"")

    meetup.override = override


def asked_until_answered(bench: Bench, ids: list[int]) -> LookupResult:
    """As a worker does: what is unclear, or fails, is asked for again, after a failure in smaller batches."""
    whole, size = LookupResult(), len(ids)
    waiting = list(ids)
    for _ in range(200):
        if not waiting:
            return whole
        part, waiting = waiting[:size], waiting[size:]
        try:
            answer = bench.lookup.look_up(part)
        except UpstreamUnavailable:
            size = max(1, size // 2)
            waiting += part
            continue
        whole.found |= answer.found
        whole.missing |= answer.missing
        waiting += [each for each in part if each in answer.unclear]
    pytest.fail("no end")


@pytest.mark.parametrize("name", LIES)
def test_a_lie_that_passes_makes_nobody_missing_and_is_mended(bench: Bench, meetup: MeetupApi, name: str) -> None:
    for times in (1, 2, 3):
        dice = random.Random(f"{name} {times}")
        ids = dice.sample(range(1, 1000), 20)
        meetup.absent = set(dice.sample(ids, 3))
        lying(meetup, LIES[name], dice, times)
        answer = asked_until_answered(bench, ids)
        assert answer.found.keys() == set(ids) - meetup.absent
        assert answer.missing == dict.fromkeys(meetup.absent, MissingReason.ABSENT)


@pytest.mark.parametrize("name", LIES)
def test_a_lie_that_lasts_calls_nobody_missing_who_is_there_and_has_an_end(
    bench: Bench, meetup: MeetupApi, name: str
) -> None:
    dice = random.Random(name)
    ids = dice.sample(range(1, 1000), 40)
    lying(meetup, LIES[name], dice, times=float("inf"))
    try:
        answer = bench.lookup.look_up(ids)
    except UpstreamUnavailable:
        answer = LookupResult(unclear=set(ids))
    assert answer.missing == {}
    assert answer.found.keys() | answer.unclear == set(ids)
    assert len(meetup.calls) <= 40


@pytest.mark.parametrize("body", NO_ANSWERS, ids=lambda body: repr(body[:30]))
def test_what_is_no_answer_makes_nobody_missing(bench: Bench, meetup: MeetupApi, body: bytes) -> None:
    meetup.replies = [Reply(200, body)]
    answer = asked_until_answered(bench, [1, 2, 3])
    assert sorted(answer.found) == [1, 2, 3]


@pytest.mark.parametrize("seed", range(20))
def test_pages_that_shift_while_they_are_read_lose_no_id(bench: Bench, meetup: MeetupApi, seed: int) -> None:
    """Between two pages profiles come and go, so that others slip over the edge of a page."""
    dice = random.Random(seed)
    ids = list(range(1, 101))
    meetup.absent, meetup.page_cap = set(dice.sample(ids, 10)), dice.randrange(7, 40)
    hidden = set[int]()

    def shift(call: Call) -> Reply | None:
        hidden.clear()
        if len(call.ids) > meetup.page_cap:
            hidden.update(dice.sample(ids, dice.randrange(8)) if call.offset % 2 else ())
        known = [each for each in call.ids if each not in meetup.absent | hidden]
        first = call.offset * meetup.page_cap
        page = known[first : first + meetup.page_cap]
        more = first + meetup.page_cap < len(known)
        meta = {"next": "x" if more else "", "count": len(page), "total_count": len(known)}
        return Reply(200, json.dumps({"results": [meetup.profile(each) for each in page], "meta": meta}).encode())

    meetup.override = shift
    answer = asked_until_answered(bench, ids)
    assert answer.missing == dict.fromkeys(meetup.absent, MissingReason.ABSENT)
    assert answer.found.keys() == set(ids) - meetup.absent


@pytest.mark.parametrize("cap", [1, 2, 10, 199])
def test_a_server_whose_next_leads_in_a_circle_is_not_followed_without_end(
    bench: Bench, meetup: MeetupApi, cap: int
) -> None:
    def circle(call: Call) -> Reply:
        page = [meetup.profile(each) for each in sorted(call.ids)[:cap]]
        return Reply(200, json.dumps({"results": page, "meta": {"next": "x", "count": len(page)}}).encode())

    meetup.override = circle
    answer = bench.lookup.look_up(range(1, 201))
    assert answer.missing == {}
    assert answer.found.keys() | answer.unclear == set(range(1, 201))
    assert len(meetup.calls) <= 40

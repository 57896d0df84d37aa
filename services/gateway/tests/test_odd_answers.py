"""Answers as a stranger's server may give them: what is not understood is a failure, never a fact and never an end."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from meetup_gateway.follow import Follow, FollowedGroup
from meetup_gateway.observing.pages import Listing, read_page
from meetup_gateway.polling.context import Options
from meetup_gateway.source.api import Failed, Found, Result
from meetup_gateway.source.budget import Price, Share
from meetup_gateway.source.replies import read_reply
from meetup_gateway.translating.tables import paid
from meetup_gateway.translating.values import Untranslatable, count, flag, number, visibility
from meetup_simulator.graphql_api.api import TOKEN_PATH
from meetupkit.errors import UpstreamRefused
from meetupkit.http.client import Answer
from requests.structures import CaseInsensitiveDict

from services.gateway.tests.gateway_world import Gateway, Meetup

FOLLOW = Follow(groups=(FollowedGroup(urlname="runners"),))
GROUP = {"id": "18000013", "name": "Runners", "urlname": "runners", "isPrivate": False, "status": "ACTIVE"}
EVENT = {
    "id": "300000001",
    "token": "300000001",
    "title": "Run",
    "status": "ACTIVE",
    "dateTime": "2026-12-28T18:00-05:00",
    "group": GROUP,
    "rsvps": {"yesCount": 1},
}


class Fixed:
    """Called like ``HttpClient.send``: a token for every client, and to each query what ``answer`` makes of it."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any], status: int = 200, **headers: str) -> None:
        self.answer = answer
        self.status = status
        self.headers = headers
        self.seconds = 0.0
        self.asked: list[str] = []

    def now(self) -> float:
        return 1_795_000_000.0 + self.seconds

    def __call__(self, method: str, url: str, *, data: bytes | Mapping[str, str] | None = None, **rest: Any) -> Answer:
        self.seconds += 0.2
        if url.endswith(TOKEN_PATH):
            return Answer(200, "", CaseInsensitiveDict(), b'{"access_token": "the-token", "expires_in": "3600"}')
        assert isinstance(data, bytes)
        asked = json.loads(data)
        self.asked.append(asked["query"])
        body = json.dumps(self.answer(asked)).encode()
        return Answer(self.status, "", CaseInsensitiveDict(self.headers), body)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    started: list[Gateway] = []

    def start(answer: Callable[[dict[str, Any]], Any], status: int = 200, **headers: str) -> Gateway:
        meetup = cast(Meetup, Fixed(answer, status, **headers))
        options = Options(floor_seconds=60)
        started.append(Gateway(meetup, tmp_path / "g.db", FOLLOW, options=options, price=Price(1, 0)))
        return started[-1]

    yield start
    for each in started:
        each.close()


def profiles_asked(gateway: Gateway) -> int:
    return sum("timezone" in query for query in cast(Fixed, gateway.meetup).asked)


def ask(gateway: Gateway, roots: int = 2) -> list[Result]:
    return gateway.api.ask("group", [{"id": "18000013"}] * roots, Share.LIVE)


def test_an_error_that_names_the_field_and_not_its_alias_makes_no_null_a_fact(begin: Callable[..., Gateway]) -> None:
    gateway = begin(lambda _: {"errors": [{"message": "x", "path": ["group"]}], "data": {"g0": GROUP, "g1": None}})
    first, second = ask(gateway)
    assert isinstance(first, Found)
    assert isinstance(second, Failed)


@pytest.mark.parametrize("errors", ["boom", {"message": "x"}, ["boom"], [None], 5, [[]]])
def test_beside_errors_that_are_none_a_null_is_no_fact(begin: Callable[..., Gateway], errors: Any) -> None:
    gateway = begin(lambda _: {"errors": errors, "data": {"g0": GROUP, "g1": None}})
    assert isinstance(ask(gateway)[1], Failed)


@pytest.mark.parametrize("value", ["x", 5, True, [], [GROUP]])
def test_what_is_no_object_is_no_null(begin: Callable[..., Gateway], value: Any) -> None:
    gateway = begin(lambda _: {"data": {"g0": value, "g1": GROUP}})
    assert isinstance(ask(gateway)[0], Failed)


def test_a_place_whose_index_is_a_text_is_harmed() -> None:
    places = [{"path": ["g0", "events", "edges", "1", "node"]}]
    reply = read_reply(200, {}, json.dumps({"data": {"g0": GROUP}, "errors": places}).encode(), 0.0)
    assert reply.harmed == (("g0", "events", "edges", 1, "node"),)


def page(info: Any, *ids: Any, total: Any = None) -> dict[str, Any]:
    return {"events": {"edges": [{"node": {"id": each}} for each in ids], "pageInfo": info, "totalCount": total}}


@pytest.mark.parametrize(
    "info", [None, {}, [], "no", {"hasNextPage": None}, {"hasNextPage": True}, {"hasNextPage": True, "endCursor": ""}]
)
def test_a_page_that_does_not_say_that_nothing_follows_is_no_end(info: Any) -> None:
    listing = Listing()
    assert not listing.add(read_page(page(info, "1"), ("events",), ()))
    assert not listing.whole


def test_page_infos_in_other_types_are_read() -> None:
    listing = Listing()
    assert listing.add(read_page(page({"hasNextPage": "true", "endCursor": 17}, 1, total="3"), ("events",), ()))
    assert listing.after == "17"
    assert not listing.add(read_page(page({"hasNextPage": "false"}, 2, total="3"), ("events",), ()))
    assert listing.ended
    assert not listing.whole  # two of three


def test_nodes_without_an_id_are_each_there() -> None:
    listing = Listing()
    listing.add(read_page(page({"hasNextPage": False}, None, None, "", [], {}), ("events",), ()))
    assert len(listing.nodes) == 5


def answered(events: list[dict[str, Any]], group: dict[str, Any], info: Any = None) -> Callable[[dict[str, Any]], Any]:
    """A group, with these events where they are asked for; nothing else is there."""
    shown = {
        **group,
        "events": {
            "edges": [{"node": event} for event in events],
            "pageInfo": {"hasNextPage": False} if info is None else info,
        },
    }

    def answer(asked: dict[str, Any]) -> Any:
        aliases = sorted({name.rpartition("_")[2] for name in asked["variables"]})
        if "event(" in asked["query"]:
            read = {**events[0], "rsvps": page({"hasNextPage": False})["events"]}
            return {"data": {f"g{each}": read for each in aliases}}
        return {"data": {f"g{each}": shown for each in aliases}}

    return answer


@pytest.mark.parametrize("group_id", [None, 18000013, "18000099"])
def test_an_event_of_a_group_that_is_called_otherwise_is_told_once(
    begin: Callable[..., Gateway], group_id: Any
) -> None:
    first = {**EVENT, "group": {**GROUP, "id": "18000013"}}
    calls = [0]

    def answer(asked: dict[str, Any]) -> Any:
        calls[0] += 1
        named = GROUP if calls[0] < 2 else {**GROUP, "id": group_id}
        return answered([{**first, "group": GROUP}] if group_id is None else [{**first, "group": named}], named)(asked)

    gateway = begin(answer)
    gateway.wait(1200)
    assert len(gateway.emitted("open_events")["300000001"]) == 1


@pytest.mark.parametrize("status", [["ACTIVE"], {}, 5, "SOMETHING_NEW"])
def test_a_status_of_any_type_ends_nothing(begin: Callable[..., Gateway], status: Any) -> None:
    gateway = begin(answered([{**EVENT, "status": status}], {**GROUP, "status": status}))
    gateway.wait(300)
    assert gateway.count("quarantined_total", kind="event") > 0


def test_a_value_that_cannot_be_translated_is_counted_and_said(
    begin: Callable[..., Gateway], caplog: pytest.LogCaptureFixture
) -> None:
    gateway = begin(answered([{**EVENT, "maxTickets": "many"}], GROUP))
    gateway.wait(300)
    assert gateway.emitted("open_events")
    assert gateway.count("lost_values_total") > 0
    assert "without rsvp_limit" in caplog.text


def test_a_line_whose_group_is_not_understood_is_asked_again_soon(begin: Callable[..., Gateway]) -> None:
    calls = [0]

    def answer(asked: dict[str, Any]) -> Any:
        calls[0] += 1
        return answered([EVENT], {**GROUP, "id": None} if calls[0] == 1 else GROUP)(asked)

    gateway = begin(answer)
    gateway.wait(900)
    assert gateway.emitted("open_events")


@pytest.mark.parametrize("private", ["true", 1, [], "yes"])
def test_a_group_that_does_not_say_plainly_that_it_is_public_is_private(
    begin: Callable[..., Gateway], private: Any
) -> None:
    gateway = begin(answered([EVENT], {**GROUP, "isPrivate": private}))
    gateway.wait(600)
    assert not gateway.emitted("open_events")
    assert not profiles_asked(gateway)


@pytest.mark.parametrize(
    "venues", [7, "x", [], {"edges": 7}, {"edges": {"node": {}}}, {"edges": [None, 5, {"node": 5}]}]
)
def test_venues_that_are_no_list_of_venues_end_nothing(begin: Callable[..., Gateway], venues: Any) -> None:
    gateway = begin(answered([EVENT], {**GROUP, "venues": venues}))
    gateway.wait(600)
    assert profiles_asked(gateway)
    assert gateway.emitted("open_events")
    assert not gateway.emitted("open_venues")


def test_the_profile_of_a_group_that_is_null_is_asked_for_hourly(begin: Callable[..., Gateway]) -> None:
    def answer(asked: dict[str, Any]) -> Any:
        return {"data": {"g0": None}} if "timezone" in asked["query"] else answered([EVENT], GROUP)(asked)

    gateway = begin(answer)
    gateway.wait(1800)
    assert profiles_asked(gateway) == 1


def test_a_server_that_asks_for_a_rest_has_it(begin: Callable[..., Gateway]) -> None:
    gateway = begin(lambda _: "<html>Service Unavailable</html>", 503, **{"Retry-After": "1200"})
    gateway.wait(1100)
    assert len(cast(Fixed, gateway.meetup).asked) == 1


def test_a_token_that_an_error_repeats_is_in_no_message(
    begin: Callable[..., Gateway], caplog: pytest.LogCaptureFixture
) -> None:
    gateway = begin(lambda _: {"errors": [{"message": "Unauthorized: the-token"}]})
    with caplog.at_level(logging.INFO), pytest.raises(UpstreamRefused) as refused:
        ask(gateway)
    assert "the-token" not in str(refused.value) + caplog.text


def test_a_token_that_is_a_word_of_an_answer_changes_nothing(begin: Callable[..., Gateway]) -> None:
    gateway = begin(lambda _: {"data": {"g0": {**GROUP, "name": "the-token"}}})
    (found,) = ask(gateway, roots=1)
    assert isinstance(found, Found)
    assert found.value["name"] == "the-token"


@pytest.mark.parametrize(
    "value",
    [10**400, -(10**400), float("nan"), float("inf"), True, "1e5", "٣", "", "9" * 30],
    ids=lambda value: repr(value)[:8],
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    for convert in (number, count):
        with pytest.raises(Untranslatable):
            convert(value)


def test_numbers_and_flags_in_another_type_are_read() -> None:
    assert (number("52.5"), number("-3"), count("3"), count(3.0)) == (52.5, -3, 3, 3)
    assert (flag("false"), flag("True"), paid("false"), visibility("false")) == (False, True, "0", "public")
    with pytest.raises(Untranslatable):
        count(2.5)

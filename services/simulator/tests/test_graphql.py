"""The stand-in for today's API: what it answers, what it refuses, and what its dials do."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from graphql import GraphQLObjectType, GraphQLSchema, build_schema
from meetup_simulator.graphql_api.__main__ import parser
from meetup_simulator.graphql_api.api import GRAPHQL_PATH, TOKEN_PATH, GraphqlApi
from meetup_simulator.graphql_api.clock import WorldClock
from meetup_simulator.graphql_api.dials import DialError, Dials
from meetup_simulator.graphql_api.execution import schema_text
from meetup_simulator.graphql_api.keys import new_private_key, public_key_of
from meetup_simulator.graphql_api.living_world import LivingWorld, Size
from meetup_simulator.graphql_api.population import DAY
from meetup_simulator.graphql_api.tokens import Client, Tokens
from meetup_testkit.graphql_plugin import StartLivingMeetup

README = (Path(__file__).parents[1] / "README.md").read_text()
EPOCH = 1_790_000_000_000
KEY = new_private_key()
WHOLE_SCHEMA = Path(__file__).parents[4] / "shared" / "data" / "graphql" / "schema.graphql"
ALL_STATUSES = "[YES, NO, WAITLIST]"


def claims(**changed: Any) -> dict[str, Any]:
    now = EPOCH // 1000
    return {"iss": "client-key", "sub": "100000007", "aud": "api.meetup.com", "exp": now + 120, "iat": now} | changed


def assertion(kid: str = "signing-key", key: str = KEY, **changed: Any) -> bytes:
    token = jwt.encode(claims(**changed), key, algorithm="RS256", headers={"kid": kid})
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    return urlencode({"grant_type": grant, "assertion": token}).encode()


class Meetup:
    """An API over a small world, in this process, with a token at hand."""

    def __init__(self, seed: int = 1, **dials: Any) -> None:
        self.ticks = 0.0
        clock = WorldClock(EPOCH, 1.0, lambda: self.ticks)
        tokens = Tokens(Client(public_key=public_key_of(KEY)))
        self.api = GraphqlApi(LivingWorld(seed, EPOCH, Size(3, 20)), clock, tokens, dials=Dials(**dials))
        self.token = ""
        self.renew()

    def renew(self) -> None:
        now = self.api.clock.now() // 1000
        answer = self.api.answer(TOKEN_PATH, {}, assertion(exp=now + 60, iat=now))
        self.token = json.loads(answer.body)["access_token"]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"authorization": f"Bearer {self.token}", "user-agent": "test"}
        answer: dict[str, Any] = json.loads(self.api.answer(GRAPHQL_PATH, headers, body).body)
        return answer


def fields_of(kind: object) -> dict[str, Any]:
    """None of a scalar."""
    found: dict[str, Any] = getattr(kind, "fields", {})
    return found


def test_the_pinned_schema_says_nothing_that_the_whole_schema_does_not_say() -> None:
    if not WHOLE_SCHEMA.exists():
        pytest.skip("the whole schema is not here")
    whole, pinned = build_schema(WHOLE_SCHEMA.read_text()), build_schema(schema_text())
    for name, kind in pinned.type_map.items():
        assert str(whole.type_map[name]) == str(kind)
        for field, definition in fields_of(kind).items():
            original = fields_of(whole.type_map[name])[field]
            assert str(original.type) == str(definition.type), f"{name}.{field}"
            for argument, value in getattr(definition, "args", {}).items():
                assert str(original.args[argument].type) == str(value.type), f"{name}.{field}({argument})"
        if hasattr(kind, "values"):
            assert list(getattr(whole.type_map[name], "values", ())) == list(kind.values), name


def test_the_schema_offers_what_the_world_plays() -> None:
    schema: GraphQLSchema = build_schema(schema_text())
    query = schema.type_map["Query"]
    assert isinstance(query, GraphQLObjectType)
    assert {"group", "groupByUrlname", "event", "proNetwork", "groupSearch", "self"} <= set(query.fields)


@pytest.mark.parametrize(
    "made",
    [
        lambda: assertion(kid="another"),
        lambda: assertion(key=new_private_key()),
        lambda: assertion(iss="another"),
        lambda: assertion(sub="1"),
        lambda: assertion(aud="elsewhere"),
        lambda: assertion(exp=EPOCH // 1000 - 3600),
        lambda: assertion(iat=EPOCH // 1000 + 3600),
        lambda: b"grant_type=password",
        lambda: b"",
    ],
    ids=["kid", "key", "iss", "sub", "aud", "exp", "iat", "grant", "empty"],
)
def test_a_token_is_given_for_a_whole_assertion_alone(made: Callable[[], bytes]) -> None:
    answer = Meetup().api.answer(TOKEN_PATH, {}, made())
    assert answer.status == 400
    assert b"access_token" not in answer.body


def test_a_refresh_token_used_twice_ends_the_session() -> None:
    meetup = Meetup()
    form = {"grant_type": "refresh_token", "client_id": "client-key", "client_secret": "client-secret"}
    body = urlencode(form | {"refresh_token": "first-refresh-token"}).encode()
    first = meetup.api.answer(TOKEN_PATH, {}, body)
    assert first.status == 200
    assert meetup.api.answer(TOKEN_PATH, {}, body).status == 400
    following = json.loads(first.body)["refresh_token"]
    assert meetup.api.answer(TOKEN_PATH, {}, urlencode(form | {"refresh_token": following}).encode()).status == 400


def test_without_a_token_nothing_is_answered() -> None:
    meetup = Meetup()
    meetup.token = "another"
    assert meetup.ask("{ self { id } }") == {"errors": [{"message": "Unauthorized"}]}


def test_the_default_filter_of_rsvps_shows_no_refusals() -> None:
    meetup = Meetup()
    meetup.ticks = 20 * DAY / 1000
    meetup.renew()
    query = (
        "query($id: ID!) { group(id: $id) { events(filter: {status: [ACTIVE, PAST, CANCELLED]}, first: 50) { edges "
        f"{{ node {{ rsvps {{ edges {{ node {{ status }} }} }} all: rsvps(filter: {{rsvpStatus: {ALL_STATUSES}}}) "
        "{ edges { node { status } } } } } } } }"
    )
    seen: dict[str, set[str]] = {"rsvps": set(), "all": set()}
    for group in meetup.api.world.groups:
        for edge in meetup.ask(query, id=group.id)["data"]["group"]["events"]["edges"]:
            for name in seen:
                seen[name] |= {rsvp["node"]["status"] for rsvp in edge["node"][name]["edges"]}
    assert seen["rsvps"] == {"YES"}
    assert "NO" in seen["all"]


def test_a_world_is_the_same_however_often_it_is_looked_at() -> None:
    def history(step: float) -> list[list[int]]:
        meetup = Meetup(7)
        while meetup.ticks < 86_400:
            meetup.ticks += step
            meetup.api.world.advance(meetup.api.clock.now())
        return [event.versions.times for event in meetup.api.world.events]

    assert history(3600) == history(86_400)


def test_a_page_may_be_short_and_every_node_comes_once() -> None:
    meetup = Meetup(short_pages=True)
    query = (
        "query($id: ID!, $after: String) { group(id: $id) { venues(first: 3, after: $after) "
        "{ edges { node { id } } pageInfo { hasNextPage endCursor } } } }"
    )
    found, after = [], None
    while True:
        page = meetup.ask(query, id=meetup.api.world.groups[0].id, after=after)["data"]["group"]["venues"]
        found += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(found) == len(set(found)) == 3


@pytest.mark.parametrize(("price", "requests"), [("H1", 10), ("H2", 5), ("H3", 1)])
def test_points_run_out_as_the_price_says(price: str, requests: int) -> None:
    meetup = Meetup(price=price, points=10)
    answers = [meetup.ask("{ a: self { id } b: self { id } }") for _ in range(requests + 1)]
    assert all("errors" not in answer for answer in answers[:-1])
    limited = answers[-1]["errors"][0]["extensions"]
    assert limited["code"] == "RATE_LIMITED"
    assert limited["consumedPoints"] == 10
    meetup.ticks += 61
    assert "errors" not in meetup.ask("{ a: self { id } b: self { id } }")


def test_with_partial_limits_some_root_fields_are_answered() -> None:
    answer = Meetup(price="H2", points=1, limit_mode="partial").ask("{ a: self { id } b: self { id } }")
    assert answer["data"] == {"a": {"id": "100000007"}, "b": None}
    assert answer["errors"][0]["path"] == ["b"]


def test_a_removed_field_is_undefined_in_the_words_of_the_real_server() -> None:
    answer = Meetup(removed=["Member.bio"]).ask("{ self { id bio } }")
    assert "data" not in answer
    assert answer["errors"][0]["message"].endswith("Field 'bio' in type 'Member' is undefined")
    assert answer["errors"][0]["extensions"] == {"classification": "ValidationError"}


def test_a_date_without_a_zone_is_refused() -> None:
    meetup = Meetup()
    query = '{ group(id: "%s") { events(filter: {afterDateTime: "2026-01-01"}) { totalCount } } }'
    assert meetup.ask(query % meetup.api.world.groups[0].id)["errors"]


def test_an_overcount_and_a_new_cursor_format_leave_the_nodes_as_they_are() -> None:
    query = '{ groupSearch(filter: {query: "", lat: 1, lon: 1}, first: 2) { totalCount edges { cursor node { id } } } }'
    plain, dialled = Meetup().ask(query), Meetup(overcount=5, cursor_format=2).ask(query)
    before, after = plain["data"]["groupSearch"], dialled["data"]["groupSearch"]
    assert after["totalCount"] == before["totalCount"] + 5
    assert [edge["node"] for edge in after["edges"]] == [edge["node"] for edge in before["edges"]]
    assert base64.b64decode(after["edges"][0]["cursor"]) == b"v2|0"


@pytest.mark.parametrize("values", [{"nothing": 1}, {"price": "H9"}, {"points": "many"}, {"short_pages": 1}])
def test_a_dial_that_does_not_exist_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(DialError):
        Dials().turn(values)


def test_the_command_serves_a_world_that_moves_when_it_is_told(living_meetup: StartLivingMeetup) -> None:
    meetup = living_meetup("--speed", "0", "--epoch", str(int(time.time() * 1000)), "--changes-per-hour", "60")
    before = len(meetup.history("open_events") + meetup.history("rsvps"))
    meetup.advance(3600)
    assert len(meetup.history("open_events") + meetup.history("rsvps")) > before
    meetup.turn(price="H4")
    with pytest.raises(ValueError, match="none of"):
        meetup.turn(nothing=1)


def test_the_readme_names_every_flag_and_every_dial() -> None:
    section = README.split("\n## Today's API\n")[1].split("\n## ")[0]
    for action in parser()._actions:
        if action.dest != "help":
            assert f"| `{action.option_strings[0]}` |" in section
            assert str(action.help) in section
    for dial in fields(Dials):
        assert f"`{dial.name}`" in section, dial.name

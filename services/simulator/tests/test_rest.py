"""``/2/members`` and ``/2/groups``: envelope, pages, key, call limit, ids that do not exist."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess

OpenWire = Callable[..., Any]
KEY = "a-key"
META = ["next", "method", "total_count", "link", "count", "description", "lon", "title", "url", "id", "updated", "lat"]


@pytest.fixture(scope="module")
def api() -> Iterator[SimulatorProcess]:
    flags = ("--count", "0", "--rate-limit", "0/10", "--unknown-share", "0", "--unknown-every", "10")
    with SimulatorProcess(*flags, api_key=KEY) as running:
        yield running


def get(running: SimulatorProcess, path: str, **query: str | int) -> requests.Response:
    return requests.get(running.base_url + path, params={"key": running.api_key, **query}, timeout=30)


def results(running: SimulatorProcess, path: str, **query: str | int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = get(running, path, **query).json()["results"]
    return found


@pytest.mark.parametrize("path", ["/2/members", "/2/members/", "/2/members.json"])
def test_every_spelling_of_the_path_answers(path: str, api: SimulatorProcess) -> None:
    assert {profile["id"] for profile in results(api, path, member_id="1,2")} == {1, 2}


@pytest.mark.parametrize(("kind", "selector"), [("members", "member_id"), ("groups", "group_id")])
def test_the_envelope_is_the_recorded_one(kind: str, selector: str, api: SimulatorProcess) -> None:
    answer = get(api, f"/2/{kind}", **{selector: "1,2,3"}).json()
    assert list(answer) == ["results", "meta"]
    meta = answer["meta"]
    assert list(meta) == META
    assert meta["method"] == kind.capitalize()
    assert meta["title"] == f"Meetup {kind.capitalize()} v2"
    assert (meta["total_count"], meta["count"], meta["next"]) == (3, 3, "")
    assert (meta["description"], meta["lon"], meta["lat"], meta["id"]) == ("None", "None", "None", "")


def test_meta_url_echoes_every_parameter_and_the_key(api: SimulatorProcess) -> None:
    url = get(api, "/2/groups", group_id="1").json()["meta"]["url"]
    for part in (
        f"key={KEY}",
        "offset=0",
        "page=200",
        "format=json",
        "radius=25.0",
        "order=id",
        "desc=false",
        "fields=",
    ):
        assert part in url


def test_pages_are_followed_by_meta_next(api: SimulatorProcess) -> None:
    found: list[int] = []
    answer = get(api, "/2/members", member_id=",".join(map(str, range(1, 10))), page=4)
    pages = 1
    while True:
        body = answer.json()
        found += [profile["id"] for profile in body["results"]]
        assert body["meta"]["total_count"] == 9
        if not body["meta"]["next"]:
            break
        answer = requests.get(body["meta"]["next"], timeout=30)
        pages += 1
    assert sorted(found) == list(range(1, 10))
    assert pages == 3


def test_a_page_holds_at_most_200(api: SimulatorProcess) -> None:
    ids = [number for number in range(1, 300) if number % 10]
    answer = get(api, "/2/members", member_id=",".join(map(str, ids)), page=800).json()
    assert answer["meta"]["count"] == len(answer["results"]) == 200
    assert answer["meta"]["total_count"] == len(ids)


def test_ids_that_do_not_exist_are_absent(api: SimulatorProcess) -> None:
    assert [profile["id"] for profile in results(api, "/2/members", member_id="10,11,0,-5,20")] == [11]


def test_a_share_of_the_ids_does_not_exist_the_same_ones_each_time(simulator: StartSimulator) -> None:
    ids = ",".join(map(str, range(1, 2_001)))
    flags = ("--count", "0", "--rate-limit", "0/1", "--unknown-share", "0.1")
    totals = [get(simulator(*flags), "/2/members", member_id=ids).json()["meta"] for _ in range(2)]
    assert totals[0]["total_count"] == totals[1]["total_count"]
    assert 1_700 < totals[0]["total_count"] < 1_900


def test_profiles_of_a_file_are_answered_byte_for_byte(simulator: StartSimulator, shared_data: Path) -> None:
    files = {kind: shared_data / f"recorded/{kind}.ndjson.gz" for kind in ("members", "groups")}
    running = simulator("--members", str(files["members"]), "--groups", str(files["groups"]), "--rate-limit", "0/1")
    for kind, selector in (("members", "member_id"), ("groups", "group_id")):
        lines = {
            json.loads(line)["id"]: line for line in gzip.decompress(files[kind].read_bytes()).split(b"\n") if line
        }
        for number, line in lines.items():
            assert b'{"results":[' + line + b'],"meta":' in get(running, f"/2/{kind}", **{selector: number}).content


def test_a_profile_made_up_agrees_with_the_stream_that_mentions_it(simulator: StartSimulator, stream: OpenWire) -> None:
    running = simulator("--rate", "0", "--count", "1", "--unknown-share", "0")
    record = json.loads(stream(running.port, "/2/rsvps").records(1)[0])
    group = results(running, "/2/groups", group_id=record["group"]["group_id"])[0]
    assert group["name"] == record["group"]["group_name"]
    assert group["country"] == record["group"]["group_country"].upper()
    member = results(running, "/2/members", member_id=record["member"]["member_id"])[0]
    assert member["name"] == record["member"]["member_name"]


def test_order_and_desc_sort(api: SimulatorProcess) -> None:
    rows = results(api, "/2/members", member_id="1,2,3,4,5,6", order="joined", desc="true")
    assert [row["joined"] for row in rows] == sorted((row["joined"] for row in rows), reverse=True)


def test_only_and_omit_restrict_the_fields(api: SimulatorProcess) -> None:
    assert list(results(api, "/2/members", member_id="1", only="id,name")[0]) == ["name", "id"]
    assert "topics" not in results(api, "/2/members", member_id="1", omit="topics")[0]


@pytest.mark.parametrize("query", [{"key": "wrong"}, {"key": ""}, {"key": None}])
def test_a_wrong_key_is_a_401_with_the_documented_body(query: dict[str, str], api: SimulatorProcess) -> None:
    answer = get(api, "/2/members", member_id="1", **query)
    assert answer.status_code == 401
    assert answer.content == (
        rb'{"details":"API requests must be key-signed, oauth-signed, or accompanied by a key: '
        rb'https:\/\/www.meetup.com\/meetup_api\/docs\/#authentication","code":"not_authorized",'
        rb'"problem":"You are not authorized to make that request"}'
    )


def test_a_bearer_token_is_as_good_as_a_key_and_is_not_echoed(api: SimulatorProcess) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = requests.get(f"{api.base_url}/2/members", params={"member_id": 1}, headers=headers, timeout=30)
    assert answer.status_code == 200
    assert KEY not in answer.text


@pytest.mark.parametrize(
    "query", [{}, {"member_id": "one"}, {"member_id": "1", "page": "0"}, {"member_id": "1", "order": "age"}]
)
def test_a_call_without_what_it_needs_is_a_400_with_the_documented_body(
    query: dict[str, str], api: SimulatorProcess
) -> None:
    answer = get(api, "/2/members", **query)
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"
    assert answer.json()["problem"] == "The API request is malformed"


def test_calls_past_the_limit_are_429_until_the_window_ends(simulator: StartSimulator) -> None:
    window, seconds = 1.0, float("inf")
    while seconds >= window:  # anew, if the machine was too slow for four calls in a window
        running = simulator("--count", "0", "--rate-limit", f"3/{window:.0f}")
        began = time.monotonic()
        answers = [get(running, "/2/members", member_id=1) for _ in range(4)]
        seconds = time.monotonic() - began
    remaining = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert remaining == ["2", "1", "0", "0"]
    assert answers[0].headers["X-RateLimit-Limit"] == "3"
    assert answers[0].headers["X-RateLimit-Reset"] == "1"
    assert answers[3].content == (
        b'{"details":"Credentials have been throttled","code":"throttled","problem":"Client throttled"}'
    )
    while get(running, "/2/members", member_id=1).status_code == 429:
        pass
    assert running.stats()["throttled"] >= 1


def test_what_was_asked_for_is_counted(simulator: StartSimulator) -> None:
    running = simulator("--count", "0")
    get(running, "/2/members", member_id="1,2,2")
    get(running, "/2/groups", group_id="7")
    assert running.asked("members") == {1: 1, 2: 2}
    assert running.stats()["calls"] == {"members": 1, "groups": 1}
    assert running.stats()["ids"]["members"] == {"asked": 3, "distinct": 2}
    assert running.stats()["requests"]["/2/members"] == {"200": 1}

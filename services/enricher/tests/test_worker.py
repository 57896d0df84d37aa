"""The whole service of one process against an API that answers as Meetup does."""

import itertools
import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from meetup_testkit.service_process import until

from services.enricher.tests.enricher_doubles import KEY, Call, MeetupApi, Reply

Run = Callable[..., Any]


def test_every_id_ends_as_a_document_or_as_missing(running: Run, meetup: MeetupApi) -> None:
    meetup.absent = {10, 20, 30}
    with running() as api:
        api.post(members=list(range(1, 501)), groups=list(range(1, 301)))
        api.await_empty()
        assert (api.store.count("members"), api.store.count("members_missing")) == (497, 3)
        assert (api.store.count("groups"), api.store.count("groups_missing")) == (297, 3)
        document = api.store.get("members", ["m42"])["m42"].fields
        assert document["profile"] == {"id": 42, "name": "name of 42"}
        assert (document["id"], document["kind"]) == (42, "members")
        assert api.value("meetup_enricher_profiles_stored_total", kind="members") == 497
        assert api.value("meetup_enricher_profiles_missing_total", kind="members", reason="absent") == 3


def test_a_thousand_ids_that_trickle_in_cost_five_to_seven_calls(running: Run, meetup: MeetupApi) -> None:
    with running(linger_seconds="600") as api:
        for start in range(1, 1001, 20):
            api.post(members=list(range(start, start + 20)))
        until(lambda: api.store.count("members") == 1000, "a thousand profiles")
    assert 5 <= len(meetup.calls) <= 7
    assert Counter(meetup.asked("members")) == Counter(range(1, 1001))


def test_a_batch_that_does_not_fill_goes_when_its_oldest_id_has_lingered(running: Run, meetup: MeetupApi) -> None:
    """Posted anew until both posts fall into one linger, on a machine however slow."""
    linger = 0.5
    with running(linger_seconds=f"{linger}") as api:
        for first in itertools.count(1, 3):
            calls, began = len(meetup.calls), time.monotonic()
            api.post(members=[first, first + 1])
            api.post(members=[first + 2])
            together = time.monotonic() - began < linger
            api.await_empty()
            assert time.monotonic() - began > linger
            if together:
                break
    assert len(meetup.calls) == calls + 1


def test_ids_that_were_looked_up_are_not_looked_up_again(running: Run, meetup: MeetupApi) -> None:
    meetup.absent = {2}
    with running() as api:
        api.post(members=[1, 2])
        api.await_empty()
        again = api.post(members=[1, 2])["members"]
        assert (again["fresh"], again["missing"], again["queued"]) == (1, 1, 0)
    assert len(meetup.calls) == 1


def test_a_profile_that_is_out_of_date_is_fetched_again_and_readable_meanwhile(running: Run, meetup: MeetupApi) -> None:
    with running(fresh_seconds="0.01") as api:
        api.post(members=[1])
        api.await_empty()
        meetup.profile = lambda each: {"id": each, "name": "renamed"}
        held = threading.Event()

        def hold(call: Call) -> Reply | None:
            held.wait(30)
            return None

        meetup.override = hold
        until(lambda: api.post(members=[1])["members"]["queued"], "the profile to be out of date")
        during = api.get("/v1/members/1")
        assert (during.status_code, during.json()["queued"]) == (200, True)
        assert during.json()["profile"]["name"] == "name of 1"
        held.set()
        api.await_empty()
        assert api.get("/v1/members/1").json()["profile"]["name"] == "renamed"


def test_an_id_that_was_missing_is_a_document_only_once_it_is_found(running: Run, meetup: MeetupApi) -> None:
    meetup.absent = {1}
    with running(missing_seconds="0.01") as api:
        api.post(members=[1])
        api.await_empty()
        meetup.absent = set()
        until(lambda: api.post(members=[1])["members"]["queued"], "its being missing to be out of date")
        api.await_empty()
        assert (api.store.count("members"), api.store.count("members_missing")) == (1, 0)


def test_collections_and_prefixes_are_settings(running: Run) -> None:
    with running(members_collection="people", members_prefix="p-", groups_collection="circles") as api:
        api.post(members=[1], groups=[1])
        until(lambda: api.store.count("people") and api.store.count("circles"), "both profiles")
        assert api.store.get("people", ["p-1"]).keys() == {"p-1"}
        assert api.store.get("circles", ["m1"]).keys() == {"m1"}


def test_a_refused_key_keeps_ids_queued_says_so_once_and_is_left_alone(
    running: Run, meetup: MeetupApi, caplog: pytest.LogCaptureFixture
) -> None:
    meetup.override = lambda call: Reply(401, b'{"code":"not_authorized"}')
    began = time.monotonic()
    with running(refused_seconds="10") as api:
        api.post(members=[1], groups=[2])
        until(lambda: "refuses" in api.get("/readyz").text, "the reason")
        text = api.get("/readyz").text
        assert api.get("/readyz").status_code == 200
        assert "ENRICHER_API_KEY" in text
        assert api.post(members=[3])["members"]["queued"] == 1
        assert api.value("meetup_enricher_breaker_state", state="open") == 1
        assert (api.store.count("members_queue"), api.store.count("members_missing")) == (2, 0)
        assert api.get("/livez").status_code == 200
    assert len(meetup.calls) <= 6 + (time.monotonic() - began) / 10
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [vars(record)["event"] for record in errors] == ["api_refused"]


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_one_passing_refusal_costs_a_second_and_no_error(
    running: Run, meetup: MeetupApi, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    meetup.replies = [Reply(status, b"", {"Location": "http://127.0.0.1:9/"} if status == 302 else {})]
    with running() as api:
        api.post(members=[1, 2])
        api.await_empty()
        assert api.store.count("members") == 2
        assert api.value("meetup_enricher_api_refused") == 0
    assert len(meetup.calls) == 2
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_refusal_that_asks_for_a_pause_is_not_tried_again_before(running: Run, meetup: MeetupApi) -> None:
    meetup.replies = [Reply(403, b"", {"Retry-After": "3"})]
    with running() as api:
        api.post(members=[1])
        api.await_empty()
    first, second = (call.at for call in meetup.calls)
    assert second - first >= 3


def test_a_key_that_is_accepted_again_ends_the_refusal(running: Run, meetup: MeetupApi) -> None:
    meetup.replies = [Reply(401)]
    with running(refused_seconds="0.2") as api:
        api.post(members=[1])
        api.await_empty()
        assert api.get("/readyz").text == "ready\n"
        assert api.value("meetup_enricher_breaker_state", state="closed") == 1


def test_an_outage_opens_the_breaker_and_its_calls_become_small(running: Run, meetup: MeetupApi) -> None:
    meetup.override = lambda call: Reply(503)
    with running(breaker_failures="3") as api:
        api.post(members=list(range(1, 301)))
        until(lambda: len(meetup.calls) >= 5, "five calls")
        assert [len(call.ids) for call in meetup.calls[:5]] == [200, 100, 50, 25, 12]
        assert api.value("meetup_enricher_breaker_changes_total", state="open") >= 1
        meetup.override = lambda call: None
        api.await_empty()
        assert api.store.count("members") == 300
        assert api.value("meetup_enricher_breaker_state", state="closed") == 1
        assert api.value("meetup_enricher_retries_total", call="look up members", error="UpstreamUnavailable") >= 5


def test_an_id_that_makes_the_api_fail_does_not_hold_up_the_rest(running: Run, meetup: MeetupApi) -> None:
    meetup.fatal = {5}
    with running(breaker_failures="1000") as api:
        api.post(members=list(range(1, 41)))
        until(lambda: api.store.count("members") == 39, "the others")
        assert api.get("/v1/members/5").status_code == 202
        entry = api.store.get("members_queue", ["m5"])["m5"].fields
        until(lambda: api.store.get("members_queue", ["m5"])["m5"].fields["failed_alone"] >= 1, "the id put off")
        assert entry["attempts"] >= 1


def test_a_bad_id_is_quarantined_with_its_reason_and_the_rest_proceeds(running: Run, meetup: MeetupApi) -> None:
    meetup.bad = {77}
    with running() as api:
        api.post(members=list(range(1, 201)))
        api.await_empty()
        assert api.store.count("members") == 199
        assert api.get("/v1/members/77").json()["reason"] == "refused"
        assert api.value("meetup_enricher_profiles_missing_total", kind="members", reason="refused") == 1


def test_new_ids_are_looked_up_before_refreshes(running: Run, meetup: MeetupApi) -> None:
    with running(fresh_seconds="0.01") as api:
        api.post(members=list(range(1, 201)))
        api.await_empty()
        held = threading.Event()

        def hold(call: Call) -> Reply | None:
            held.wait(30)
            return None

        meetup.override = hold
        api.post(members=[1000])
        until(lambda: len(meetup.calls) == 2, "a call under way")
        until(lambda: api.post(members=list(range(1, 201)))["members"]["already_queued"] == 200, "200 refreshes")
        api.post(members=list(range(2001, 2101)))
        held.set()
        api.await_empty()
    assert set(range(2001, 2101)) <= set(meetup.calls[2].ids)


def test_a_few_ids_of_one_client_do_not_wait_behind_the_backlog_of_another(running: Run, meetup: MeetupApi) -> None:
    held = threading.Event()

    def hold(call: Call) -> Reply | None:
        held.wait(30)
        return None

    meetup.override = hold
    with running() as api:
        api.post(members=list(range(1, 5001)), client="backfill")
        until(lambda: meetup.calls, "a call under way")
        api.post(members=[10_001, 10_002], client="rsvps")
        held.set()
        until(lambda: api.store.count("members") >= 600, "three batches")
    assert {10_001, 10_002} <= {each for call in meetup.calls[:3] for each in call.ids}


def test_two_replicas_look_up_each_id_once(running: Run, meetup: MeetupApi) -> None:
    with running() as first, running() as second:
        for start in range(1, 2001, 500):
            for replica in (first, second):
                replica.post(members=list(range(start, start + 500)))
        first.await_empty()
        assert first.store.count("members") == 2000
    assert Counter(meetup.asked("members")) == Counter(range(1, 2001))


def test_a_stop_in_the_middle_of_a_call_gives_its_ids_back(running: Run, meetup: MeetupApi) -> None:
    held = threading.Event()

    def hold(call: Call) -> Reply | None:
        held.wait(30)
        return Reply(503)

    meetup.override = hold
    with running() as api:
        api.post(members=[1, 2, 3])
        until(lambda: meetup.calls, "a call under way")
        threading.Timer(0.2, held.set).start()
    held.set()
    with running(linger_seconds="600") as api:
        leases = {api.store.get("members_queue", [f"m{each}"])[f"m{each}"].fields["lease"] for each in (1, 2, 3)}
        assert leases == {""}


def test_the_rate_limit_is_never_exceeded_and_paces_both_kinds(running: Run, meetup: MeetupApi) -> None:
    window = {"ends": 0.0, "used": 0.0}

    def limited(call: Call) -> Reply | None:
        if call.at >= window["ends"]:
            window.update(ends=call.at + 1, used=0)
        window["used"] += 1
        if window["used"] > 4:
            return Reply(429)
        reply = meetup.usual(call, "/2/x?key=" + call.key)
        left = window["ends"] - call.at
        reply.headers = {
            "X-RateLimit-Limit": "4",
            "X-RateLimit-Remaining": str(int(4 - window["used"])),
            "X-RateLimit-Reset": str(left),
        }
        return reply

    meetup.override = limited
    with running() as api:
        api.post(members=list(range(1, 1801)), groups=list(range(1, 1801)))
        api.await_empty()
        assert api.value("meetup_enricher_api_calls_total", kind="members", status="429") == 0
        assert api.value("meetup_enricher_api_calls_total", kind="groups", status="429") == 0
    assert len(meetup.calls) == 18


DEPTHS = (20, 300, 900, 940, 955, 965, 975, 985, 995)
NESTED = [
    f'{{"id":1,"deep":{opened * depth}{closed * depth}}}'
    for depth in DEPTHS
    for opened, closed in (("[", "]"), ('{"a":', "}"))
]
HOSTILE = [
    *('{"id":"1"}', '{"id":1.0}', '{"id":true}', '{"id":null}', '{"id":[1]}', "null", "1", '"1"', "[]", "{}"),
    *(
        '{"id":1,"id":1}',
        '{"id":1,"id":2}',
        '{"id":' + "9" * 5000 + "}",
        '{"id":-1}',
        '{"id":0}',
        '{"id":9223372036854775808}',
    ),
    *(
        '{"id":1,"n":' + "9" * 5000 + "}",
        '{"id":1,"n":NaN}',
        '{"id":1,"n":-Infinity}',
        '{"id":1,"n":1e999}',
        '{"id":1,"":0}',
    ),
    *(
        '{"id":1,"a":1,"a":2}',
        '{"id":1,"n":"\\ud800"}',
        '{"id":1,"\\udfff":0}',
        '{"id":1,"n":"\\u0000"}',
        '{"id":1,"__x__":1}',
    ),
    *('{"id":1,"n":"' + "x" * 2_000_000 + '"}', '{"id":1,"' + "k" * 3000 + '":1}', '{"id":1,"o":{"a":1,"a":2}}'),
    *NESTED,
    *("[" * 5000, '{"id":1', '{"id":1}}', "\x00", "\ufeff"),
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: f"{text[:40]!r}-{len(text)}")
def test_one_profile_of_any_json_neither_ends_the_worker_nor_holds_up_the_others(
    running: Run, meetup: MeetupApi, hostile: str
) -> None:
    def override(call: Call) -> Reply:
        profiles = [hostile if each == 1 else json.dumps(meetup.profile(each)) for each in call.ids]
        body = f'{{"results":[{",".join(profiles)}],"meta":{{"next":"","count":{len(profiles)}}}}}'
        return Reply(200, body.encode(errors="surrogatepass"))

    meetup.override = override
    with running(breaker_failures="1000") as api:
        api.post(members=[1, 2, 3, 4])
        until(lambda: api.store.get("members", ["m2", "m3", "m4"]).keys() == {"m2", "m3", "m4"}, "the others")
        until(lambda: _is_settled(api), "the profile itself to be stored, quarantined or put off")
        assert api.get("/livez").status_code == 200
        missing = api.store.get("members_missing", ["m1"])
        assert {each.fields["reason"] for each in missing.values()} <= {"unstorable"}


def _is_settled(api: Any) -> bool:
    entries = api.store.get("members_queue", ["m1"]).values()
    return all(entry.fields["failed_alone"] and not entry.fields["lease"] for entry in entries)


def test_the_key_is_in_no_document_log_or_metric(
    running: Run, meetup: MeetupApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    meetup.profile = lambda each: {"id": each, "link": f"http://x/?key={KEY}", KEY: [[KEY]]}
    meetup.replies = [Reply(500, KEY.encode()), Reply(200, KEY.encode()), Reply(429, KEY.encode()), Reply(400)]
    with running(fresh_seconds="0.01") as api:
        api.post(members=[1, 2, 3])
        api.await_empty()
        pages = [api.get(path).text for path in ("/metrics", "/readyz", "/v1/members/1", "/openapi.json")]
        stored = repr(list(api.store.get("members", ["m1", "m2", "m3"]).values()))
        assert "redacted" in stored
        assert len(meetup.calls) >= 5
    assert not [text for text in (*pages, stored, caplog.text) if KEY in text]


def test_a_store_that_is_taken_away_for_a_while_loses_nothing(running: Run, meetup: MeetupApi, tmp_path: Any) -> None:

    held = threading.Event()

    def hold(call: Call) -> Reply | None:
        held.wait(30)
        return None

    meetup.override = hold
    with running(busy_seconds=0.2) as api:
        api.post(members=[1, 2, 3])
        until(lambda: meetup.calls, "a call under way")
        other = sqlite3.connect(tmp_path / "documents.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        held.set()
        until(lambda: api.value("meetup_enricher_retries_total", call="commit", error="StoreUnavailable"), "a retry")
        assert api.value("meetup_enricher_store_up") == 0
        other.execute("ROLLBACK")
        other.close()
        api.await_empty()
        assert api.store.count("members") == 3
        until(lambda: api.value("meetup_enricher_store_up"), "an answer to each who waited")
    assert len(meetup.calls) == 1

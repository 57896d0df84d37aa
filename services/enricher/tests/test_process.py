"""The real process: its start, its stop, and twenty kills at random moments."""

import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import requests
from meetup_testkit.child_process import Ended, run_to_end
from meetup_testkit.service_process import ServiceProcess, until
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

from services.enricher.tests.enricher_doubles import KEY, Call, MeetupApi, Reply

Start = Callable[[Mapping[str, str]], ServiceProcess]
KILLS = 20
PER_POST = 150


def queued(enricher: ServiceProcess) -> int:
    queue = requests.get(f"{enricher.url}/v1/queue", timeout=30).json()
    return int(queue["members"]["depth"]) + int(queue["groups"]["depth"])


def leases(store: SqliteDocuments) -> set[str]:
    """Who holds entries of the queues."""
    queues = [store.query(name, order_by=("due_at",), limit=100_000) for name in ("members_queue", "groups_queue")]
    return {entry.fields["lease"] for queue in queues for entry in queue}


class Poster:
    """Posts ids that nobody posted before, until it is stopped; whoever is killed in between."""

    def __init__(self) -> None:
        self.url = ""
        self.sent: set[int] = set()
        self.accepted: set[int] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(0.02):
            first = len(self.sent) + 1
            ids = list(range(first, first + PER_POST))
            self.sent.update(ids)
            try:
                answer = requests.post(f"{self.url}/v1/enrichments", json={"members": ids, "groups": ids}, timeout=30)
            except requests.RequestException:
                continue
            if answer.status_code == 202:
                self.accepted.update(ids)


def await_call(meetup: MeetupApi) -> None:
    """Until one more call has come."""
    calls = len(meetup.calls)
    until(lambda: len(meetup.calls) > calls, "a call")


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_twenty_kills_lose_double_and_invent_nothing(
    enricher: Start, meetup: MeetupApi, documents: SqliteDocuments
) -> None:
    dice = random.Random(20)
    meetup.absent = set(range(7, 100_000, 7))
    settings = {
        "ENRICHER_API_URL": meetup.url,
        "ENRICHER_LINGER_SECONDS": "0.02",
        "ENRICHER_LEASE_SECONDS": "3",
        "ENRICHER_CALL_SECONDS": "2.5",
    }
    poster = Poster()
    process = enricher(settings)
    poster.url = process.url
    poster.start()
    held = []
    for kill in range(KILLS):
        await_call(meetup)
        threading.Event().wait(dice.uniform(0, 0.4))
        asked_to = kill % 2 == 0
        process.process.send_signal(signal.SIGTERM if asked_to else signal.SIGKILL)
        assert process.process.wait(60) == (0 if asked_to else -signal.SIGKILL)
        held.append(leases(documents) - {""})
        assert not (asked_to and held[-1] - held[-2 if kill else -1]), "SIGTERM gives leases back"
        process = enricher(settings)
        poster.url = process.url
    poster.stop()
    until(lambda: queued(process) == 0, "an empty queue")
    assert len(poster.accepted) > KILLS * PER_POST
    for kind in ("members", "groups"):
        names = {each: f"m{each}" for each in sorted(poster.sent)}
        stored, missing = documents.get(kind, names.values()), documents.get(f"{kind}_missing", names.values())
        assert {names[each] for each in poster.accepted} <= stored.keys() | missing.keys()
        assert not stored.keys() & missing.keys()
        assert missing.keys() <= {names[each] for each in poster.sent & meetup.absent}
        assert (documents.count(kind), documents.count(f"{kind}_missing")) == (len(stored), len(missing))
        # A kill costs at most the batch in hand, asked for once more.
        assert len(meetup.asked(kind)) <= len(set(meetup.asked(kind))) + KILLS * 200


def test_a_restart_keeps_the_queue(enricher: Start, meetup: MeetupApi, documents: SqliteDocuments) -> None:
    first = enricher({"ENRICHER_API_URL": "http://127.0.0.1:9"})
    requests.post(f"{first.url}/v1/enrichments", json={"members": [1, 2, 3]}, timeout=30)
    first.kill()
    assert documents.count("members_queue") == 3
    second = enricher({"ENRICHER_API_URL": meetup.url, "ENRICHER_LINGER_SECONDS": "0"})
    until(lambda: queued(second) == 0, "an empty queue")
    assert documents.count("members") == 3


def test_a_stop_while_the_api_hangs_exits_in_time_and_gives_the_ids_back(
    enricher: Start, meetup: MeetupApi, documents: SqliteDocuments
) -> None:
    hang = threading.Event()

    def answer(call: Call) -> Reply | None:
        meetup.lock.release()
        try:
            hang.wait(120)
        finally:
            meetup.lock.acquire()
        return None

    meetup.override = answer
    slow = {"ENRICHER_CALL_SECONDS": "300", "ENRICHER_LEASE_SECONDS": "600"}
    process = enricher({"ENRICHER_API_URL": meetup.url, "ENRICHER_LINGER_SECONDS": "0", **slow})
    requests.post(f"{process.url}/v1/enrichments", json={"members": [1], "groups": [2]}, timeout=30)
    until(lambda: len(meetup.calls) == 2, "both workers to call")
    assert process.stop() == 0
    hang.set()
    assert leases(documents) == {""}


def test_the_start_says_where_it_listens_and_the_stop_that_it_stopped(enricher: Start, meetup: MeetupApi) -> None:
    process = enricher({"ENRICHER_API_URL": meetup.url})
    process.wait_ready()
    assert process.stop(with_signal=signal.SIGINT) == 0
    events = [entry["event"] for entry in process.events()]
    assert [event for event in events if event != "store_available"] == ["listening", "stopping", "stopped"]


def run(environ: Mapping[str, str]) -> Ended:
    inherited: dict[str, str] = {name: value for name, value in os.environ.items() if not name.startswith("ENRICHER_")}
    return run_to_end([sys.executable, "-m", "meetup_enricher"], {**inherited, **environ})


def test_wrong_settings_are_said_all_at_once_and_exit_with_2() -> None:
    ended = run(
        {
            "ENRICHER_API_URL": f"http://user:{KEY}@meetup",
            "ENRICHER_API_KEY": KEY,
            "ENRICHER_PORT": "99999",
            "ENRICHER_FRESH": "1",
        }
    )
    assert ended.code == 2
    for variable in ("ENRICHER_API_URL", "ENRICHER_DOCUMENTS", "ENRICHER_PORT", "ENRICHER_FRESH: no such setting"):
        assert variable in ended.said
    assert KEY not in ended.said
    assert "Traceback" not in ended.said


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/documents.db", "mysql://host/base", "documents"])
def test_a_store_that_cannot_be_used_is_one_line_and_exit_code_2(url: str) -> None:
    ended = run({"ENRICHER_API_KEY": KEY, "ENRICHER_DOCUMENTS": url, "ENRICHER_PORT": "0"})
    assert ended.code == 2
    assert "ENRICHER_DOCUMENTS" in ended.said
    assert "Traceback" not in ended.said


def test_a_taken_port_is_one_line_and_exit_code_2(enricher: Start, meetup: MeetupApi, tmp_path: Path) -> None:
    first = enricher({"ENRICHER_API_URL": meetup.url})
    port = str(first.port)
    ended = run(
        {"ENRICHER_API_KEY": KEY, "ENRICHER_DOCUMENTS": f"sqlite:///{tmp_path}/other.db", "ENRICHER_PORT": port}
    )
    assert ended.code == 2
    assert f"port {port}" in ended.said

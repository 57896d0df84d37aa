"""The real process against the simulator, with each fault of its REST API; every fault is shown to have fired."""

from collections.abc import Callable, Mapping

import pytest
import requests
from meetup_enricher.retrier import RETRY_CEILING_SECONDS
from meetup_simulator.faults import Ending
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_client import ArmedFault, Faults
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

pytestmark = pytest.mark.faults
Start = Callable[[Mapping[str, str]], ServiceProcess]
Arm = Callable[[Faults], ArmedFault]

KEY = "simulated-key-0123456789abcdef"
MEMBERS = list(range(1_000, 1_600))
GROUPS = list(range(1_000, 1_300))
MOST_CALLS = 60
"""Five if nothing goes wrong; then some tries, and calls of 1, 2, 4, ... ids until they are of full size again."""

FAULTS: dict[str, Arm] = {
    "the port refuses connections": lambda faults: faults.refuse(0.5, path="/2/members"),
    "the connection is reset": lambda faults: faults.reset(path="/2/members", times=2),
    "the answer never comes": lambda faults: faults.stall(path="/2/members"),
    "the answer comes late": lambda faults: faults.slow(0.5, times=3),
    "the answer ends early": lambda faults: faults.cut(path="/2/members", times=2),
    "the answer is reset half-way": lambda faults: faults.cut(Ending.RST, path="/2/groups", times=2),
    "the JSON ends early": lambda faults: faults.cut(Ending.END, path="/2/groups", times=2),
    "the answer is HTML": lambda faults: faults.not_json(path="/2/members", times=2),
    "the answer is empty": lambda faults: faults.empty(times=3),
    "500": lambda faults: faults.status(500, times=3),
    "503 with Retry-After": lambda faults: faults.status(503, retry_after=1),
    "429 with Retry-After": lambda faults: faults.throttle(retry_after=1),
    "429 with X-RateLimit": lambda faults: faults.throttle(times=2),
    "429 without any header": lambda faults: faults.throttle(headers=False, times=3),
    "400 that means throttled": lambda faults: faults.throttle(status=400, times=2),
    "400 once": lambda faults: faults.status(400, path="/2/members"),
    "401 for a while": lambda faults: faults.status(401, times=2),
    "404 for a while": lambda faults: faults.status(404, times=2),
}


def post(enricher: ServiceProcess) -> None:
    answer = requests.post(f"{enricher.url}/v1/enrichments", json={"members": MEMBERS, "groups": GROUPS}, timeout=30)
    assert answer.status_code == 202, answer.text


def settled(enricher: ServiceProcess) -> bool:
    queue = requests.get(f"{enricher.url}/v1/queue", timeout=30).json()
    return not queue["members"]["depth"] and not queue["groups"]["depth"]


def assert_conserved(store: SqliteDocuments, meetup: SimulatorProcess) -> None:
    """Every id is a document or missing, as the simulator has it, and nothing else is there."""
    for kind, ids in (("members", MEMBERS), ("groups", GROUPS)):
        names = [f"m{each}" for each in ids]
        stored, missing = store.get(kind, names), store.get(f"{kind}_missing", names)
        assert stored.keys() | missing.keys() == set(names)
        assert not stored.keys() & missing.keys()
        assert (store.count(kind), store.count(f"{kind}_missing")) == (len(stored), len(missing))
        assert store.count(f"{kind}_queue") == 0
        assert {each.fields["reason"] for each in missing.values()} <= {"absent"}
        assert meetup.asked(kind).keys() == set(ids)
        assert KEY not in repr(list(stored.values()))
    assert sum(meetup.stats()["calls"].values()) <= MOST_CALLS


@pytest.fixture
def start(simulator: StartSimulator, enricher: Start) -> Callable[[], tuple[SimulatorProcess, ServiceProcess]]:
    def started() -> tuple[SimulatorProcess, ServiceProcess]:
        meetup = simulator("--rate-limit", "0/1", "--unknown-share", "0.1", api_key=KEY)
        settings = {
            "ENRICHER_API_URL": meetup.base_url,
            "ENRICHER_API_KEY": KEY,
            "ENRICHER_LINGER_SECONDS": "0.2",
            "ENRICHER_CALL_SECONDS": "2",
            "ENRICHER_REFUSED_SECONDS": "0.3",
            "ENRICHER_BREAKER_SECONDS": "4",
            "ENRICHER_LOG_LEVEL": "DEBUG",
        }
        return meetup, enricher(settings)

    return started


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_api_loses_doubles_and_invents_nothing(
    start: Callable[[], tuple[SimulatorProcess, ServiceProcess]], documents: SqliteDocuments, name: str
) -> None:
    meetup, enricher = start()
    fault = FAULTS[name](meetup.faults)
    post(enricher)
    fault.wait_until_fired()
    until(lambda: settled(enricher), "an empty queue")
    assert fault.fired >= 1
    assert_conserved(documents, meetup)
    assert KEY not in enricher.log.read_text() + requests.get(f"{enricher.url}/metrics", timeout=30).text
    assert enricher.stop() == 0


def test_a_rate_limit_that_is_told_is_kept_by_both_workers(
    simulator: StartSimulator, enricher: Start, documents: SqliteDocuments
) -> None:
    meetup = simulator("--rate-limit", "2/1", api_key=KEY)
    process = enricher({"ENRICHER_API_URL": meetup.base_url, "ENRICHER_API_KEY": KEY, "ENRICHER_LINGER_SECONDS": "0.2"})
    post(process)
    until(lambda: settled(process), "an empty queue")
    assert meetup.stats()["throttled"] == 0
    assert_conserved(documents, meetup)


def test_no_wait_in_an_outage_exceeds_the_ceiling_so_that_recovery_is_prompt(
    start: Callable[[], tuple[SimulatorProcess, ServiceProcess]], documents: SqliteDocuments
) -> None:
    meetup, enricher = start()
    outage = meetup.faults.status(500, times=None)
    post(enricher)
    outage.wait_until_fired(7)
    outage.disarm()
    until(lambda: settled(enricher), "an empty queue")
    waits = [entry["wait_seconds"] for entry in enricher.events("retry")]
    assert len(waits) >= 7
    assert max(waits) <= RETRY_CEILING_SECONDS
    assert_conserved(documents, meetup)

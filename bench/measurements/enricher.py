"""Ids accepted over HTTP, and how many REST calls they become."""

import time
from collections.abc import Iterable, Sequence

import psutil
import requests
from meetup_enricher.settings import LINGER_SECONDS
from meetup_testkit.pipeline import KINDS, Pipeline, Stores, ids_in
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_process import SimulatorProcess

from bench.measurement import Row, spread
from bench.stream_run import cpu_of
from bench.workbench import Workbench, on_core

_IDS_A_CALL = 2000
"""As many as a stream sends at once."""
_FIRST = 1_000_000
_EVERYDAY_RATE = 50
_UNFILLED = f", and one leaves unfilled after {LINGER_SECONDS:g} s (`ENRICHER_LINGER_SECONDS`)"


def enricher(bench: Workbench) -> Iterable[Row]:
    """100,000 ids, posted as a stream posts them; then the calls that a replay and an everyday rate become."""
    count = bench.scaled(100_000)
    rates, cpu_ms = [], []
    for _ in range(bench.runs):
        with SimulatorProcess("--rate=0", "--only-replay") as meetup, _pipeline(bench, meetup) as pipeline:
            with on_core("measured"):
                service = pipeline.enricher().wait_ready()
            process = psutil.Process(service.pid)
            cpu = cpu_of(process)
            rates.append(count / _post(service, range(_FIRST, _FIRST + count)))
            cpu_ms.append(1000 * (cpu_of(process) - cpu) / count)
    yield Row(
        "ids accepted by the enricher over HTTP (SQLite), ids/s",
        "5,000",
        f"{spread(rates)}; {spread(cpu_ms, digits=3)} ms of processor time an id",
        "SQLite's inserts; look-ups go on meanwhile. Each answer waits until its ids are on the disk.",
    )
    yield _calls(bench, rate=0, records=bench.scaled(5000))
    yield _calls(bench, rate=_EVERYDAY_RATE, records=bench.scaled(3000))


def _post(service: ServiceProcess, ids: Sequence[int]) -> float:
    with requests.Session() as session:
        began = time.monotonic()
        for start in range(0, len(ids), _IDS_A_CALL):
            body = {"members": list(ids[start : start + _IDS_A_CALL]), "groups": []}
            session.post(f"{service.url}/v1/enrichments", json=body, timeout=30).raise_for_status()
        return time.monotonic() - began


def _calls(bench: Workbench, *, rate: int, records: int) -> Row:
    flags = (f"--rate={rate}", f"--replay=rsvps={bench.rsvps(records)}", "--only-replay", "--rate-limit=0/1")
    with SimulatorProcess(*flags) as meetup, _pipeline(bench, meetup) as pipeline:
        service = pipeline.enricher(ENRICHER_LINGER_SECONDS=f"{LINGER_SECONDS:g}").wait_ready()
        pipeline.stream("rsvps", enricher=service.url)
        until(lambda: len(meetup.published("rsvps")) >= records, "all records published", 120, poll=0.5)
        named = ids_in("rsvps", meetup.published("rsvps"))
        until(lambda: all(set(meetup.asked(kind)) >= named[kind] for kind in KINDS), "all look-ups", 120, poll=0.5)
        calls = int(service.metric("meetup_enricher_api_calls_total"))
    distinct = sum(map(len, named.values()))
    return Row(
        f"REST calls per 1,000 distinct ids, rsvps {f'at {rate}/s' if rate else 'as fast as they are read'}",
        "5 to 7",
        f"{1000 * calls / distinct:.1f} ({calls} calls, {distinct:,} ids)",
        f"200 ids per call would be 5.0; the last batch of each kind goes unfilled{_UNFILLED if rate else ''}.",
    )


def _pipeline(bench: Workbench, meetup: SimulatorProcess) -> Pipeline:
    folder = bench.new_folder()
    return Pipeline(folder, Stores(f"file://{folder}/objects", f"sqlite:///{folder}/documents.sqlite"), meetup)

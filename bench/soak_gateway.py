"""``python -m bench.soak_gateway [--minutes 60]``: the gateway against an API that does wrong, as long as one likes.

Every few seconds a dial of the stand-in turns (prices, limits, nulls, half answers, stale replicas, errors), or the
gateway is ended by SIGTERM or SIGKILL and started again, while its world lives on. At the end all dials are right, and
the world's history is compared with what the gateway serves. The table goes to ``tests/README.md``; if history is not
conserved, the exit code is 1.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from meetup_gateway.storage.database import open_database
from meetup_gateway.storage.log import Log
from meetup_testkit.graphql_process import GraphqlProcess
from meetup_testkit.service_process import ServiceProcess, until

from bench.conditions import conditions
from bench.gateway_run import gateway_environ, resident
from bench.report import markdown, put_between
from bench.stream_run import MIB

README: Final = Path(__file__).parents[1] / "tests/README.md"
COLUMNS: Final = ("Minute", "Changes of the world", "Records", "Faults so far", "Gateway MiB")
HEALTHY: Final[dict[str, Any]] = {
    "price": "H1", "limit_mode": "error", "page_max": 1000, "short_pages": False, "overcount": 0,
    "cursor_format": 0, "stale_seconds": 0.0, "fail_share": 0.0, "nested_fail_share": 0.0, "null_groups": 0.0,
    "null_events": False, "empty_events": 0.0, "drop_events": 0.0, "http": "", "unknown_status": False,
    "extra_fields": False, "latency_seconds": 0.0,
}  # fmt: skip
FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"price": "H4"},
    {"price": "H4", "limit_mode": "partial"},
    {"price": "H4", "limit_mode": "429"},
    {"page_max": 3, "short_pages": True},
    {"overcount": 7, "cursor_format": 2},
    {"stale_seconds": 20.0, "stale_share": 0.5},
    {"fail_share": 0.5},
    {"nested_fail_share": 1.0},
    {"null_groups": 0.4},
    {"null_events": True},
    {"empty_events": 1.0},
    {"drop_events": 0.3},
    {"unknown_status": True},
    {"latency_seconds": 1.0},
    *({"http": fault} for fault in ("504", "429", "empty", "html", "401", "cut")),
)
_WORLD: Final = ("--groups", "20", "--members", "300", "--changes-per-hour", "900")
"""A change every four seconds: what the dearest price lets the gateway read in time."""
_PAUSE_SECONDS: Final = (2.0, 10.0)
_KILL_SHARE: Final = 0.1
_SETTLE_SECONDS: Final = 900.0
"""Lists that failed again and again are left alone for up to half an hour; most are back within a quarter."""
_LATE_MS: Final = 900_000
"""What happened so shortly before the end may still be on its way: a deletion takes ten minutes to be believed."""
_RESPONSES: Final = {"YES": "yes", "NO": "no"}
_STATUSES: Final = {"ACTIVE": "upcoming", "CANCELLED": "canceled"}


class Soak:
    """One run: the stand-in, the gateway's lives, and what was done to them."""

    def __init__(self, folder: Path, meetup: GraphqlProcess, dice: random.Random) -> None:
        self._folder = folder
        self._meetup = meetup
        self._dice = dice
        self._lives = 0
        self.struck: Counter[str] = Counter()
        self.rows: list[tuple[str, ...]] = []
        self.gateway = self._start()

    def strike(self) -> None:
        """Another fault in place of the last one, or another life."""
        if self._dice.random() < _KILL_SHARE:
            with_signal = self._dice.choice((signal.SIGTERM, signal.SIGKILL))
            self.struck[with_signal.name] += 1
            self.gateway.stop(with_signal=with_signal)
            self.gateway = self._start()
            return
        fault = self._dice.choice(({}, *FAULTS))
        self.struck[" ".join(f"{name}={value}" for name, value in fault.items()) or "no fault"] += 1
        self._meetup.turn(**{**HEALTHY, **fault})

    def look(self, spent: float, greatest: int) -> None:
        """A row of the table."""
        changes = sum(1 for feed in ("open_events", "rsvps") for _ in self._meetup.history(feed))
        records = sum(1 for feed in ("open_events", "rsvps") for _ in told(self._folder, feed))
        faults = sum(self.struck.values())
        self.rows.append((f"{spent / 60:.1f}", f"{changes:,}", f"{records:,}", str(faults), f"{greatest / MIB:.0f}"))

    def settle(self) -> str:
        """The verdict, when all dials are right."""
        self._meetup.turn(**HEALTHY)
        end = int(self._meetup.stats()["now"])
        try:
            until(lambda: not missing(self._folder, self._meetup, end), "the history", _SETTLE_SECONDS, poll=5.0)
        except TimeoutError:
            return f"Not conserved: missing {missing(self._folder, self._meetup, end)[:5]}"
        if wrong := invented(self._folder, self._meetup):
            return f"Not conserved: invented or doubled {wrong[:5]}"
        if any("Traceback" in path.read_text(errors="replace") for path in self._folder.glob("*.log")):
            return "Conserved, but a log holds a traceback."
        return "Conserved: every answer and event that outlived the faults is told once, and nothing that never was."

    def _start(self) -> ServiceProcess:
        self._lives += 1
        environ = gateway_environ(self._folder, self._meetup)
        gateway = ServiceProcess("meetup_gateway", environ, self._folder / f"gateway-{self._lives}.log")
        until(lambda: _listens(gateway), "a port", _SETTLE_SECONDS)
        return gateway


def _listens(gateway: ServiceProcess) -> bool:
    """On a machine that is busy with its own faults a start may take long."""
    try:
        return bool(gateway.port)
    except TimeoutError:
        return False


def told(folder: Path, feed: str) -> Iterable[dict[str, Any]]:
    """Every record of the log."""
    file = open_database(folder / "gateway.db")
    try:
        after = 0
        while lines := Log(file).after(feed, after):
            yield from (json.loads(line.body) for line in lines)
            after = lines[-1].seq
    finally:
        file.close()


def missing(folder: Path, meetup: GraphqlProcess, end: int) -> list[str]:
    """Answers to events that are still there, and statuses of events, that should have been told by now."""
    events = [line for line in meetup.history("open_events") if not line["private"]]  # these a network does not bring
    states = {line["id"]: line["state"] for line in events}
    since = {line["id"]: line["at"] for line in events}
    last = {line["id"]: line for line in meetup.history("rsvps")}
    answers = {str(each["rsvp_id"]): (each["response"], each["guests"]) for each in told(folder, "rsvps")}
    statuses = {each["id"]: each["status"] for each in told(folder, "open_events")}
    found = [
        f"answer {number}"
        for number, line in last.items()
        if (state := line["state"])["status"] in _RESPONSES
        and states.get(line["event"]) is not None
        and line["at"] <= end - _LATE_MS
        and answers.get(number) != (_RESPONSES[state["status"]], state["guests"])
    ]
    return found + [
        f"event {token}"
        for token, state in states.items()
        if state is not None and since[token] <= end - _LATE_MS and statuses.get(token) != _STATUSES[state["status"]]
    ]


def invented(folder: Path, meetup: GraphqlProcess) -> list[str]:
    """Records of what never was so, and records that are there twice."""
    lived = {
        (line["id"], _RESPONSES[line["state"]["status"]], line["state"]["guests"])
        for line in meetup.history("rsvps")
        if line["state"]["status"] in _RESPONSES
    }
    events = {
        (line["id"], "deleted" if line["state"] is None else _STATUSES[line["state"]["status"]])
        for line in meetup.history("open_events")
    }
    records = {feed: list(told(folder, feed)) for feed in ("rsvps", "open_events")}
    lines = Counter(json.dumps(each, sort_keys=True) for feed in records.values() for each in feed)
    answers = ((str(each["rsvp_id"]), each["response"], each["guests"]) for each in records["rsvps"])
    shown = ((each["id"], each["status"]) for each in records["open_events"])
    return [
        *(f"twice: {line[:80]}" for line, count in lines.items() if count > 1),
        *(f"answer {each}" for each in answers if each not in lived),
        *(f"event {each}" for each in shown if each not in events),
    ]


def soak(folder: Path, seconds: float, dice: random.Random) -> tuple[str, bool]:
    """The report, and whether history is conserved."""
    load = os.getloadavg()
    with GraphqlProcess(folder, *_WORLD, "--seed", str(dice.randrange(1 << 30))) as meetup:
        run = Soak(folder, meetup, dice)
        began, due, greatest = time.monotonic(), 60.0, 0
        while (spent := time.monotonic() - began) < seconds:
            run.strike()
            pause = time.monotonic() + dice.uniform(*_PAUSE_SECONDS)
            while time.monotonic() < pause:
                greatest = max(greatest, resident(run.gateway))
                time.sleep(1.0)
            if spent >= due:
                run.look(spent, greatest)
                due, greatest = due + 60.0, 0
        verdict = run.settle()
        run.look(time.monotonic() - began, resident(run.gateway))
        ended = run.gateway.stop()
        said = conditions(folder, load)
    faults = ", ".join(f"{what} {times}" for what, times in sorted(run.struck.items()))
    report = f"{seconds / 60:g} minutes, {said}\n\nFaults: {faults}. **{verdict}**\n\n{markdown(COLUMNS, run.rows)}"
    return report, verdict.startswith("Conserved:") and ended == 0


def main() -> None:
    """Soak, write the table, and say whether history is conserved."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak_gateway", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the faults and of the world")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meetup-soak-") as directory:
        report, conserved = soak(Path(directory), options.minutes * 60, random.Random(options.seed))
    sys.stdout.write(report + "\n")
    put_between(README, "soak_gateway", f"`make soak PART=gateway`, seed {options.seed}. {report}")
    sys.exit(not conserved)


if __name__ == "__main__":
    main()

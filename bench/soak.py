"""``python -m bench.soak [--minutes 60] [--rate 200]``: the pipeline under random faults, for as long as one likes.

Every few seconds something happens: Meetup misbehaves (the simulator's faults), the network to it does (a proxy), a
store is unavailable, or a service is ended by SIGTERM or SIGKILL and started again. At the end all faults stop, and
what was published is compared with what is stored. The table goes to ``tests/README.md``; if the counts differ, the
exit code is 1.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from meetup_testkit.pipeline import Pipeline, Stores, assert_conserved, wait_until_enriched, wait_until_stored
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.tcp_proxy import TcpProxy

from bench.conditions import conditions
from bench.report import markdown, put_between
from bench.soak_trouble import Trouble
from bench.soak_watch import COLUMNS, Watch

FEED: Final = "rsvps"
README: Final = Path(__file__).parents[1] / "tests/README.md"
_PAUSE_SECONDS: Final = (1.0, 6.0)
"""Between two faults: shorter and longer than a reconnect takes."""
_SETTLE_SECONDS: Final = 300.0
_PUBLISHED_BYTES: Final = 4 << 30
"""What was published, kept on disk for the comparison: an hour at 200 records/s is 0.8 GB."""
_BACKLOG_SECONDS: Final = 120
"""What the server still has: longer than any outage here, so that nothing may be lost."""


def main() -> None:
    """Soak, write the table, and say whether the counts are conserved."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=200, help="records per second")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the faults")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meetup-soak-") as directory:
        report, conserved = soak(Path(directory), options.minutes * 60, options.rate, random.Random(options.seed))
    print(report)
    put_between(README, "soak", f"`make soak`, seed {options.seed}. {report}")
    sys.exit(not conserved)


def soak(folder: Path, seconds: float, rate: int, dice: random.Random) -> tuple[str, bool]:
    """The report, and whether what was published is what is stored and every id has come to an end."""
    load = os.getloadavg()
    backlog = rate * _BACKLOG_SECONDS
    flags = [f"--rate={rate}", f"--count={int(seconds * rate)}", f"--backlog={backlog}"]
    flags += ["--rate-limit=0/1", "--unknown-every=7", f"--published-bytes={_PUBLISHED_BYTES}"]
    stores = Stores(f"file://{folder}/objects", f"sqlite:///{folder}/documents.sqlite")
    with (
        SimulatorProcess(*flags) as meetup,
        TcpProxy("127.0.0.1", meetup.port) as to_meetup,
        Pipeline(folder, stores, meetup) as pipeline,
    ):
        trouble = Trouble(FEED, folder, pipeline, meetup, to_meetup, dice)
        watch = Watch(trouble, meetup, FEED)
        began = time.monotonic()
        while (spent := time.monotonic() - began) < seconds:
            watch.look(spent)
            trouble.strike()
            time.sleep(dice.uniform(*_PAUSE_SECONDS))
        trouble.end()
        verdict = _verdict(lambda: _compare(pipeline, meetup, int(seconds * rate)))
        watch.look(time.monotonic() - began, last=True)
        said = conditions(folder, load)
    totals = ", ".join(f"{what} {times}" for what, times in sorted(trouble.struck.items()))
    report = (
        f"{seconds / 60:g} minutes at {rate} records/s of {FEED}, {said}\n\nFaults: {totals}. **{verdict}**\n\n"
        f"{markdown(COLUMNS, watch.rows)}"
    )
    return report, verdict.startswith("Conserved")


def _compare(pipeline: Pipeline, meetup: SimulatorProcess, records: int) -> None:
    wait_until_stored(pipeline, meetup, FEED, records, _SETTLE_SECONDS)
    wait_until_enriched(pipeline, meetup, [FEED], _SETTLE_SECONDS)
    assert_conserved(pipeline, meetup, [FEED], profiles=True)


def _verdict(compare: Callable[[], None]) -> str:
    try:
        compare()
    except (AssertionError, TimeoutError) as error:
        return f"Not conserved: {str(error)[:300]}"
    return (
        "Conserved: every record published is stored once, every id is a document or known missing, and nothing else."
    )


if __name__ == "__main__":
    main()

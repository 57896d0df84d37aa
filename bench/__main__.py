"""``python -m bench [NAME...]``: measure, show, and write the README's table if everything was measured."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from bench.catalogue import MEASUREMENTS
from bench.conditions import conditions
from bench.measurement import Row
from bench.report import figures, put_between, show
from bench.workbench import DELAYS_MS, Workbench

README = Path(__file__).with_name("README.md")


def main() -> None:
    """Measure what was asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(MEASUREMENTS)}")
    parser.add_argument("--runs", type=int, default=3, help="how often each figure is taken")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on every count")
    parser.add_argument("--delays-ms", type=int, nargs="+", default=DELAYS_MS, help="of an answer of the stub")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(f"no measurement is called {', '.join(sorted(unknown))}")
    load = os.getloadavg()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="meetup-bench-") as directory:
        bench = Workbench(Path(directory), runs=options.runs, scale=options.scale, delays_ms=options.delays_ms)
        for name in options.names or MEASUREMENTS:
            began = time.monotonic()
            rows += MEASUREMENTS[name](bench)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        said = conditions(Path(directory), load)
    show(rows)
    if not options.names and options.scale == 1:
        put_between(README, "figures", figures(rows, said))


if __name__ == "__main__":
    main()

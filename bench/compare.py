"""``python -m bench.compare TREE [NAME...]``: the same measurements in another working tree and here, in turn.

TREE is a checkout of an earlier commit in which ``make .venv/dev`` was run. Each measurement runs there and then here,
so that both see the same machine; one that the other tree lacks runs here alone. After each, the README beside this
file has the table so far; when all are done, its table of figures is renewed too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.__main__ import README
from bench.catalogue import MEASUREMENTS
from bench.conditions import conditions
from bench.measurement import Row
from bench.report import COLUMNS, figures, markdown, put_between

_HERE: Final = Path(__file__).parents[1]
_PROGRAM: Final = """
import json, sys, tempfile
from pathlib import Path
from bench.catalogue import MEASUREMENTS
from bench.workbench import Workbench
name, runs, scale = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
with tempfile.TemporaryDirectory(prefix="meetup-bench-") as folder:
    measured = MEASUREMENTS.get(name, lambda bench: ())(Workbench(Path(folder), runs=runs, scale=scale))
    print(json.dumps([[row.what, row.aim, row.measured, row.limit] for row in measured]))
"""
"""What an earlier commit has too: rows, a catalogue, a workbench."""
_MOST_SECONDS: Final = 1800.0


def main() -> None:
    """Measure in both trees, show, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("tree", type=Path, help="a checkout of an earlier commit, with its .venv")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(MEASUREMENTS)}")
    parser.add_argument("--runs", type=int, default=3, help="how often each figure is taken")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on every count")
    options = parser.parse_args()
    load = os.getloadavg()
    columns = (*COLUMNS[:2], f"At {_commit(options.tree)}", f"At {_commit(_HERE)}", COLUMNS[-1])
    lines: list[list[str]] = []
    ours: list[Row] = []
    for name in options.names or MEASUREMENTS:
        before, now = (_rows(tree, name, options.runs, options.scale) for tree in (options.tree, _HERE))
        lines += beside(before, now)
        ours += now
        said = conditions(Path(tempfile.gettempdir()), load)
        if options.scale == 1:
            put_between(README, "compared", f"{said}\n\n{markdown(columns, lines)}")
    print(markdown(columns, lines))
    if not options.names and options.scale == 1:
        put_between(README, "figures", figures(ours, said))


def beside(before: Iterable[Row], now: Iterable[Row]) -> list[list[str]]:
    """Rows of one name side by side, those that only one tree has included."""
    earlier, later = _numbered(before), _numbered(now)
    lines = []
    for key in dict.fromkeys([*later, *earlier]):
        row = later.get(key) or earlier[key]
        both = [rows[key].measured if key in rows else "not measured" for rows in (earlier, later)]
        lines.append([row.what, row.aim, *both, row.limit])
    return lines


def _numbered(rows: Iterable[Row]) -> dict[tuple[str, int], Row]:
    """By what is measured, which earlier commits wrote as "an object a record"; "the same" comes more than once."""
    seen: Counter[str] = Counter()
    found = {}
    for row in rows:
        what = row.what.replace(" per ", " a ")
        found[what, seen[what]] = row
        seen[what] += 1
    return found


def _rows(tree: Path, name: str, runs: int, scale: float) -> Sequence[Row]:
    began = time.monotonic()
    command = [str(tree.resolve() / ".venv/bin/python"), "-c", _PROGRAM, name, str(runs), str(scale)]
    try:
        done = subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, check=True, timeout=_MOST_SECONDS)
        return [Row(*row) for row in json.loads(done.stdout.splitlines()[-1])]
    except subprocess.SubprocessError as error:  # what came before it, and comes after, is not lost
        return [Row(name, "", f"failed: {type(error).__name__}", "")]
    finally:
        print(f"{name} in {tree}: {time.monotonic() - began:.0f} s", file=sys.stderr)


def _commit(tree: Path) -> str:
    asked = ["git", "-C", str(tree), "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()

"""From raw records to typed tables, beside DuckDB and pandas over the same segments."""

import statistics
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from bench.measurement import Row, spread
from bench.population import recorded_lines, rsvps, segments
from bench.program import Baseline, run_baseline
from bench.stream_run import MIB
from bench.workbench import Workbench

_SIZES = (100_000, 1_000_000)
_PANDAS = 100_000
_FOLDERS = 50_000


def insight(bench: Workbench) -> Iterable[Row]:
    """Both engines over each size in turn; then one object per record."""
    if not recorded_lines():
        yield Row("raw to typed", "60,000", "not measured: ../shared/data is absent", "")
        return
    for size in _SIZES:
        yield from _segments(bench, bench.scaled(size))
    yield from _pandas(bench, bench.scaled(_PANDAS))
    yield _one_by_one(bench, bench.scaled(_FOLDERS))


def put_segments(folder: Path, count: int, *, first: int = 0, of: int | None = None, copies: int = 5) -> Path:
    """A store of so many rsvps made of recorded ones."""
    place = folder / "objects/rsvps/2017-03-19/12"
    place.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(segments(count, first=first, of=of, copies=copies)):
        (place / f"{first:09}-{number:05}.ndjson.gz").write_bytes(body)
    return folder / "objects"


def per_cpu_second(runs: Iterable[Baseline]) -> str:
    """Rows, of several runs."""
    return spread([run.records / run.cpu_seconds for run in runs])


def resident(runs: Iterable[Baseline]) -> str:
    """At most, of several runs."""
    return spread([run.resident / MIB for run in runs], " MiB")


def _segments(bench: Workbench, count: int) -> Iterator[Row]:
    objects = put_segments(bench.new_folder(), count)
    ours, plain = [], []
    for _ in range(bench.runs):
        ours.append(run_baseline("insight_load.py", objects, bench.new_folder() / "insight.duckdb"))
        plain.append(run_baseline("plain_duckdb.py", objects, bench.new_folder() / "plain.duckdb"))
    ratios = [a.cpu_seconds / b.cpu_seconds for a, b in zip(ours, plain, strict=True)]
    what = f"raw to typed, {count:,} rsvps made of recorded ones, gzip segments"
    yield Row(
        f"{what}: rows per processor second",
        "60,000; under 1 GB",
        f"{per_cpu_second(ours)}; {resident(ours)} resident",
        "A third is msgspec's, a sixth unpacking, a sixth DuckDB's writing; the rest checksums and known groups.",
    )
    yield Row(
        "the same: processor time against DuckDB's `read_json` with declared columns",
        "at most 1.5",
        f"{spread(ratios, digits=2)}; {statistics.median(run.cpu_seconds for run in ours):.1f} s against "
        f"{statistics.median(run.cpu_seconds for run in plain):.1f} s; {resident(plain)} resident",
        "DuckDB alone compares with nothing that is stored, and counts neither rejects nor repeats.",
    )


def _pandas(bench: Workbench, count: int) -> Iterator[Row]:
    what = f"the same {count:,} rsvps by pandas (`read_json`, `json_normalize`): rows per processor second"
    if find_spec("pandas") is None:
        yield Row(what, "", "not measured: pandas is not installed", "")
        return
    objects = put_segments(bench.new_folder(), count)
    runs = [run_baseline("plain_pandas.py", objects) for _ in range(bench.runs)]
    yield Row(what, "", f"{per_cpu_second(runs)}; {resident(runs)} resident", "Each record is a dict of Python.")


def _one_by_one(bench: Workbench, count: int) -> Row:
    folder = bench.new_folder() / "objects"
    (folder / "rsvps").mkdir(parents=True)
    for number, line in enumerate(rsvps(count)):
        (folder / f"rsvps/{3_000_000_000 + number}_1.json").write_bytes(line)
    runs = [run_baseline("insight_load.py", folder, bench.new_folder() / "insight.duckdb") for _ in range(bench.runs)]
    return Row(
        f"raw to typed, {count:,} rsvps, one object each, `file://`: rows per processor second",
        "",
        f"{per_cpu_second(runs)}; {resident(runs)} resident",
        "Opening, reading and checking a file for each; the names are listed, and kept as rows.",
    )

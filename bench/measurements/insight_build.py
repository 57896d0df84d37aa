"""A whole build of many rsvps, the next one with a hundredth more, and the page over what they publish."""

import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from meetup_insight.page.published import Library
from meetup_insight.page.site import Site
from meetup_insight.page.views import VIEWS

from bench.measurement import Row
from bench.measurements.insight import put_segments
from bench.population import recorded_lines
from bench.program import run_baseline
from bench.stream_run import MIB
from bench.workbench import Workbench

_RSVPS = 100_000
_NEW_SHARE = 100


def insight_build(bench: Workbench) -> Iterable[Row]:
    """Each build once: they take minutes."""
    if not recorded_lines():
        yield Row("a whole build", "", "not measured: ../shared/data is absent", "")
        return
    folder, count = bench.new_folder(), bench.scaled(_RSVPS)
    warehouse = folder / "insight.duckdb"
    objects = put_segments(folder, count, of=count, copies=1)
    try:
        full = run_baseline("insight_build.py", objects, warehouse)
        put_segments(folder, max(1, count // _NEW_SHARE), first=count, of=count, copies=1)
        more = run_baseline("insight_build.py", objects, warehouse)
    except subprocess.TimeoutExpired as error:
        yield Row(f"a whole build of {count:,} rsvps", "", f"not measured: longer than {error.timeout:.0f} s", "")
        return
    yield Row(
        f"a whole build of {count:,} rsvps, predictions and their judgement included: processor time",
        "",
        f"{full.cpu_seconds:.1f} s ({full.seconds:.1f} s by the clock); {full.resident / MIB:,.0f} MiB resident",
        "Choosing and judging the models; then reading.",
    )
    yield Row(
        f"the next build, with {more.records:,} rsvps more: processor time, and its share of the whole",
        "under 5 %",
        f"{more.cpu_seconds:.1f} s, {more.cpu_seconds / full.cpu_seconds:.0%} of {full.cpu_seconds:.1f} s",
        "Marts and models are made anew, so that they are those of a build from nothing.",
    )
    yield from _page(Path(f"{warehouse}").with_suffix(".published"), count)


def _page(root: Path, count: int) -> Iterator[Row]:
    if not Library(root).is_filled:
        yield Row("the page's slowest view", "under 1 s", f"not measured: nothing is published in {root.name}", "")
        return
    seconds = {path: _opened(root, path) for path in VIEWS}
    slowest = max(seconds, key=lambda path: seconds[path])
    yield Row(
        f"the page over {count:,} rsvps: its slowest view, asked for the first time",
        "under 1 s",
        f"{seconds[slowest]:.2f} s (`{slowest}`); the others "
        + ", ".join(f"{each:.2f}" for path, each in seconds.items() if path != slowest),
        "Bokeh's plots; only published files are read, whatever the number of rsvps.",
    )


def _opened(root: Path, path: str) -> float:
    """By a site that has read nothing yet."""
    site = Site(Library(root).newest, lambda: "")
    began = time.perf_counter()
    answer = site.answer(path, "")
    assert answer.status == 200
    return time.perf_counter() - began

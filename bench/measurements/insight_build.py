"""A whole build of many rsvps, the next one with a hundredth more, and the page over what they publish."""

import subprocess
from collections.abc import Iterable

from bench.measurement import Row
from bench.measurements.insight import put_segments
from bench.population import recorded_lines
from bench.program import run_baseline, run_program
from bench.stream_run import MIB
from bench.workbench import Workbench

_RSVPS = 20_000
_PAGE_RSVPS = 1_000_000
_NEW_SHARE = 100


def insight_build(bench: Workbench) -> Iterable[Row]:
    """Each build once: they take minutes."""
    yield _page(bench, bench.scaled(_PAGE_RSVPS))
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
        "Marts are made anew; models are learned anew when a twentieth is new, as a whole build does.",
    )


def _page(bench: Workbench, count: int) -> Row:
    found = run_program("insight_page.py", count, bench.new_folder() / "page")
    views = found["views"]
    slowest = max(views, key=lambda path: views[path][0])
    return Row(
        f"the page over {count:,} rsvps: processor time of its slowest view, asked for the first time",
        "under 1 s",
        f"{views[slowest][0]:.2f} s (`{slowest}`), {views[slowest][1] / 1000:.0f} kB packed; the others "
        + ", ".join(f"{seconds:.2f}" for path, (seconds, _) in views.items() if path != slowest)
        + f"; a build that finds nothing new {found['build_cpu_seconds']:.0f} s",
        "Bokeh's plots; only published files are read. Rows are made in the warehouse, predictions made up.",
    )

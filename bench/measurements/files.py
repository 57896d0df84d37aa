"""Layout ``records`` into a directory, beside a bare program that reads the same stream and writes the same files."""

from collections.abc import Iterable
from statistics import median

from bench.measurement import Row, spread
from bench.program import run_baseline
from bench.stream_run import replay_server, run_stream
from bench.workbench import Workbench


def files(bench: Workbench) -> Iterable[Row]:
    """Records a second, and processor time against the baseline's; runs of the two take turns."""
    count = bench.scaled(20_000)
    replay = bench.rsvps(count)
    ours, ratios, bare_ms = [], [], []
    for _ in range(bench.runs):
        folder = bench.new_folder()
        run = run_stream(bench, replay, count, f"file://{folder}/objects")
        with replay_server(replay) as meetup:
            bare = run_baseline("bare_files.py", meetup.stream_url("rsvps"), folder / "bare", count)
        ours.append(run)
        ratios.append(run.cpu_seconds / bare.cpu_seconds)
        bare_ms.append(1000 * bare.cpu_seconds / count)
    yield Row(
        "one object per record, `file://`: records/s of one process on one core",
        "5,000",
        spread([run.rate for run in ours]),
        "Creating a file (open, write, link, close) is over half of it; parsing the record is most of the rest.",
    )
    yield Row(
        "the same: processor time against reading the stream and writing files bare",
        "at most 2",
        f"{spread(ratios, digits=2)}; {median([run.cpu_ms for run in ours]):.3f} ms against {median(bare_ms):.3f} ms",
        "The bare program does not parse, check, name, link or count; it reads one chunk per call, as urllib3 does.",
    )

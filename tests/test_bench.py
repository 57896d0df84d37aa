"""The measurements run and say something; whether the figures are good is for a person to judge."""

from pathlib import Path

import pytest
from meetupkit.feeds import FEEDS
from meetupkit.records import Record, read_line

from bench.__main__ import README
from bench.catalogue import MEASUREMENTS
from bench.compare import beside
from bench.measurement import Row
from bench.population import recorded_lines, rsvps
from bench.records import RECORDED, recorded_rsvps
from bench.report import COLUMNS, figures, put_between
from bench.workbench import Workbench


def test_a_measurement_yields_rows_that_make_a_table(tmp_path: Path) -> None:
    rows = list(MEASUREMENTS["files"](Workbench(tmp_path, runs=1, scale=0.005)))
    assert len(rows) == 2
    assert all(row.what and row.aim and row.measured and row.limit for row in rows)
    table = figures(rows, "Conditions.").splitlines()
    assert table[0] == "Conditions."
    assert all(line.count(" | ") == len(COLUMNS) - 1 for line in table[2:])


def test_inputs_hold_no_record_twice(tmp_path: Path) -> None:
    lines = Workbench(tmp_path).rsvps(300).read_bytes().splitlines()
    assert len(set(lines)) == len(lines) == 300


@pytest.mark.skipif(not recorded_lines(), reason="../shared/data is absent")
def test_rsvps_of_a_made_up_population_are_records_and_the_same_in_every_run() -> None:
    lines = list(rsvps(500))
    assert lines == list(rsvps(500))
    records = [read_line(FEEDS["rsvps"], line) for line in [*lines, *rsvps(5, first=500, of=500)]]
    ids = [record.data_id for record in records if isinstance(record, Record)]
    assert len(set(ids)) == len(ids) == 505


def test_a_table_takes_the_place_of_the_former_one_and_of_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("before\n<!-- x -->\nold\n<!-- /x -->\nafter\n")
    put_between(file, "x", "new")
    assert file.read_text() == "before\n<!-- x -->\nnew\n<!-- /x -->\nafter\n"


@pytest.mark.parametrize("text", ["no markers yet\n", ""])
def test_a_readme_without_the_markers_gets_them_at_its_end(tmp_path: Path, text: str) -> None:
    file = tmp_path / "README.md"
    file.write_text(text)
    put_between(file, "x", "new")
    assert file.read_text() == f"{text}\n<!-- x -->\nnew\n<!-- /x -->\n".lstrip()


def test_the_readme_has_a_place_for_the_figures() -> None:
    assert README.read_text().count("<!-- figures -->") == README.read_text().count("<!-- /figures -->") == 1


def test_two_trees_are_compared_row_by_row_and_no_row_of_either_is_lost() -> None:
    before = [
        Row("a", "", "1", ""),
        Row("the same", "", "2", ""),
        Row("the same", "", "3", ""),
        Row("gone", "", "4", ""),
    ]
    now = [
        Row("a", "", "10", "limit"),
        Row("the same", "", "20", ""),
        Row("new", "", "50", ""),
        Row("the same", "", "30", ""),
    ]
    assert beside(before, now) == [
        ["a", "", "1", "10", "limit"],
        ["the same", "", "2", "20", ""],
        ["new", "", "not measured", "50", ""],
        ["the same", "", "3", "30", ""],
        ["gone", "", "4", "not measured", ""],
    ]


def test_recorded_rsvps_become_as_many_records_as_are_asked_for_and_none_twice(tmp_path: Path) -> None:
    made = recorded_rsvps(Workbench(tmp_path), 6000)
    if made is None:
        pytest.skip(f"{RECORDED} is absent")
    lines = made.read_bytes().splitlines()
    records = [read_line(FEEDS["rsvps"], line) for line in lines]
    assert len({(record.data_id, record.mtime) for record in records if isinstance(record, Record)}) == 6000

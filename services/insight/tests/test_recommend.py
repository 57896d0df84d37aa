"""``meetup-insight recommend``: anybody's file in, a file out."""

import csv
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from meetup_insight.errors import UnreadableFile
from meetup_insight.models.interactions import Interactions
from meetup_insight.models.scorers import MemberEase, ease
from meetup_insight.recommending.csv_files import OUTPUT_HEADER, Skipped, read_interactions, read_time
from meetup_insight.recommending.file_commands import recommend
from scipy import sparse

from services.insight.tests.test_models import made_up


def write(file: Path, text: str | bytes) -> Path:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def run(file: Path, most: int = 3, members: Path | None = None) -> list[dict[str, str]]:
    output = file.with_suffix(".out")
    recommend(file, output, most=most, members=members)
    with output.open(newline="", errors="surrogateescape") as lines:
        reader = csv.DictReader(lines)
        rows = list(reader)
    assert reader.fieldnames == list(OUTPUT_HEADER)
    return rows


def plain(members: int = 40, items: int = 20) -> str:
    return "member,item\n" + "".join(f"{row.member},{row.item}\n" for row in made_up(members, items))


def test_a_byte_order_mark_crlf_quotes_and_repeats_change_nothing(tmp_path: Path) -> None:
    text = plain()
    expected = run(write(tmp_path / "plain.csv", text))
    head, *rows = text.splitlines()
    quoted = [",".join(f'"{cell}"' for cell in row.split(",")) for row in rows]
    crlf = b"\xef\xbb\xbf" + "\r\n".join([head, *quoted, *rows[:20], ""]).encode()
    assert run(write(tmp_path / "odd.csv", crlf)) == expected
    turned = "Item, Member \n" + "".join(",".join(reversed(row.split(","))) + "\n" for row in rows)
    assert run(write(tmp_path / "turned.csv", turned)) == expected
    assert run(write(tmp_path / "wide.csv", text.encode("utf-16"))) == expected


@pytest.mark.parametrize(
    "odd", ['"a,b"', '"say ""hi"""', " padded ", "ünïcode", "'=1+1", "00012", "NULL", '"two\nlines"']
)
def test_opaque_texts_come_out_as_they_went_in(odd: str, tmp_path: Path) -> None:
    (text,) = next(csv.reader([odd])) if "\n" not in odd else ["two\nlines"]
    content = plain() + f"{odd},i1\n{odd},{odd}\nm0,{odd}\nm2,{odd}\nm4,{odd}\n"
    rows = run(write(tmp_path / "x.csv", content), most=30)
    assert text in {row["member"] for row in rows}
    assert text in {row["item"] for row in rows}


def test_bytes_that_are_no_utf8_pass_through(tmp_path: Path) -> None:
    rows = run(write(tmp_path / "x.csv", plain().encode() + b"caf\xe9,i1\ncaf\xe9,i2\n"))
    assert "caf\udce9" in {row["member"] for row in rows}


@pytest.mark.parametrize("text", ["", "member,item\n", "member,item,time\n\n", "\ufeffmember,item\r\n"])
def test_a_file_without_rows_gives_a_file_without_rows(text: str, tmp_path: Path) -> None:
    assert run(write(tmp_path / "x.csv", text)) == []


def test_members_asked_for_come_in_their_order_each_once_known_or_not(tmp_path: Path) -> None:
    asked = write(tmp_path / "for.csv", "member\nm3\nstranger\nm1\nm3\n")
    rows = run(write(tmp_path / "x.csv", plain()), most=4, members=asked)
    assert list(dict.fromkeys(row["member"] for row in rows)) == ["m3", "stranger", "m1"]
    assert len(rows) == 12
    assert all(not row["because"] for row in rows if row["member"] == "stranger")


def test_a_member_of_one_item_and_a_list_longer_than_the_items_are_served(tmp_path: Path) -> None:
    rows = run(write(tmp_path / "x.csv", plain(items=10) + "lonely,i1\n"), most=50)
    lonely = [row["item"] for row in rows if row["member"] == "lonely"]
    assert len(lonely) == len(set(lonely)) == 9
    assert "i1" not in lonely


@pytest.mark.parametrize(
    "times", [["2017-01-0{n}", "2017-02-0{n}T10:00:00Z"], ["148{n}000000000", "149{n}000000000"], ["", "soon"]]
)
def test_times_may_be_iso_milliseconds_missing_or_unreadable(times: list[str], tmp_path: Path) -> None:
    rows = [f"{row.member},{row.item},{times[at % 2].format(n=1 + at % 9)}" for at, row in enumerate(made_up(40, 20))]
    assert len(run(write(tmp_path / "x.csv", "member,item,time\n" + "\n".join(rows)))) == 40 * 3


def test_iso_times_and_milliseconds_are_one_scale() -> None:
    assert read_time("2017-03-19T12:11:10+00:00") == read_time("1489925470000") == read_time("2017-03-19 12:11:10")
    assert read_time("2017-03-19T14:11:10.123+02:00") == read_time("1489925470123")
    assert read_time("nan") is read_time("yesterday") is None


@pytest.mark.parametrize("text", ["who,what\n1,2\n", "member\n1\n"])
def test_a_file_that_is_something_else_is_one_sentence_and_exit_code_2(text: str, tmp_path: Path) -> None:
    file, output = write(tmp_path / "x.csv", text), tmp_path / "out.csv"
    command = [
        sys.executable,
        "-m",
        "meetup_insight",
        "recommend",
        "--interactions",
        str(file),
        "--output",
        str(output),
    ]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=dict(os.environ), timeout=100)
    assert ended.returncode == 2
    assert "has no column" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not output.exists()


def test_a_quote_that_is_never_closed_is_said_where_it_would_swallow_rows(tmp_path: Path) -> None:
    broken = write(tmp_path / "x.csv", 'member,item\na,x\nb,"y\nc,z\nd,x\n')
    with pytest.raises(UnreadableFile, match="a quote is opened in line 3 for good"):
        list(read_interactions(broken, Skipped()))
    whole = write(tmp_path / "y.csv", 'member,item\na,x\nb,"y\nc"\n')
    assert [row.item for row in read_interactions(whole, Skipped())] == ["x", "y\nc"]


def test_few_members_of_many_items_are_fitted_some_items_at_a_time() -> None:
    dice = np.random.default_rng(1)
    members, items = 1_500, 60_000
    places = (dice.integers(0, members, 90_000), np.sort(dice.integers(0, items, 90_000)))
    matrix = sparse.csr_array((np.ones(90_000), places), shape=(members, items))
    matrix.data[:] = 1.0
    tracemalloc.start()
    model = ease(matrix, 50.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500e6, "a dense column of members for each item would be 720 MB"
    assert isinstance(model, MemberEase)
    some = matrix[:, :300].toarray()
    assert np.allclose(model.diagonal[:300], 1.0 - (some * (model.inverse @ some)).sum(axis=0))


@pytest.mark.parametrize("items", [800, 1_200])
def test_what_one_member_is_shown_copies_no_model(items: int) -> None:
    """Each 45 lists of 100,000 items turned the 200 MB of their 5,000 heads round."""
    matrix = Interactions.of(made_up(1_000, 1_200)).matrix[:, :items]
    model = ease(matrix, 50.0)
    tracemalloc.start()
    model.parts(np.arange(10))(np.arange(5), np.arange(10))
    model.scores(matrix[[0]])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6, "the inverse is 5 to 8 MB"


def test_rows_are_not_held_once_they_are_read(tmp_path: Path) -> None:
    content = "member,item\n" + "".join(f"m{at % 50},i{at % 7}\n" for at in range(50_000))
    file = write(tmp_path / "x.csv", content)
    run(write(tmp_path / "first.csv", plain()))  # imports are not counted
    tracemalloc.start()
    assert len(run(file, most=1)) == 0, "everyone has everything"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6, "50,000 rows in memory are 15 MB"

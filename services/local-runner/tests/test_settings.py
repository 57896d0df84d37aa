"""The command line, and the README's table of it."""

import gzip
import re
from pathlib import Path

import pytest
from meetup_local_runner.data_folder import DataFolderRefused, prepared
from meetup_local_runner.settings import documented, read_options
from meetupkit.stores import open_documents, open_objects

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_has_every_flag_with_its_default_and_meaning() -> None:
    rows = re.findall(r"^\| `(--[^`]+)` \| (?:`([^`]*)`)? ?\| (.+) \|$", README.read_text(), re.MULTILINE)

    assert rows == list(documented())


def test_data_lie_in_the_current_folder_unless_said_otherwise() -> None:
    given = read_options([])

    assert given.data == Path.cwd() / "data"
    assert given.objects == (Path.cwd() / "data" / "objects").as_uri()
    assert given.seconds is None


def test_any_folder_s_name_makes_addresses_that_the_stores_open(tmp_path: Path) -> None:
    odd = tmp_path / "Größe 100% #1?"
    odd.mkdir()

    given = read_options(["--data", str(odd)])
    objects, documents = open_objects(given.objects), open_documents(given.documents)
    for store in (objects, documents):
        store.check()
        store.close()

    assert {"objects", "documents.sqlite"} <= {path.name for path in odd.iterdir()}


LINES = b'{"a":1}\n{"b":2}\n'
ZIPPED = gzip.compress(LINES * 1000)
CUT = {
    "gzip in its middle": (ZIPPED[: len(ZIPPED) // 2], "is cut"),
    "gzip before its sum": (ZIPPED[:-8], "is cut"),
    "gzip after its magic": (ZIPPED[:2], "is cut"),
    "gzip with a flipped byte": (ZIPPED[:30] + b"\xff\xff\xff" + ZIPPED[33:], "is cut or damaged"),
    "gzip with a wrong sum": (ZIPPED[:-8] + bytes(8), "is cut or damaged"),
    "gzip and rubbish": (ZIPPED + b"rubbish", "is cut or damaged"),
    "gzip of a cut line": (gzip.compress(LINES + b'{"c'), "its last line has no end"),
    "plain": (LINES + b'{"c":', "its last line has no end"),
    "plain, one line": (b'{"c":"' + b"x" * 3_000_000, "its last line has no end"),
}
WHOLE = {"gzip": ZIPPED, "plain": LINES, "no last newline": LINES[:-1], "empty": b"", "two members": ZIPPED * 2}


@pytest.mark.parametrize("flag", ["--replay", "--members", "--groups"])
@pytest.mark.parametrize("kind", CUT)
def test_a_cut_file_is_one_line_and_exit_code_2(
    kind: str, flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, sentence = CUT[kind]
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(SystemExit, match="2"):
        read_options([flag, f"{'rsvps=' if flag == '--replay' else ''}{tmp_path / 'file'}"])
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert f"{tmp_path / 'file'}: the file {'' if 'last' in sentence else sentence}" in said
    assert sentence in said


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_file_is_taken(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(WHOLE[kind])
    assert read_options(["--replay", f"rsvps={tmp_path / 'file'}"]).replays == (("rsvps", tmp_path / "file"),)


@pytest.mark.parametrize("content", ["logs", "objects", "x.txt", ".hidden"])
def test_a_folder_of_another_program_is_left_alone(content: str, tmp_path: Path) -> None:
    (tmp_path / content).mkdir()
    refused = pytest.raises(DataFolderRefused, match=f"holds {content}, and no meetup-local-runner has run there")
    with refused, prepared(read_options(["--data", str(tmp_path)])):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [content]
    assert not list((tmp_path / content).iterdir())


@pytest.mark.parametrize("folder", ["file", "file/below", "{long}", "logs-is-a-file"])
def test_a_folder_that_cannot_be_made_is_named(folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "logs-is-a-file").mkdir()
    (tmp_path / "logs-is-a-file" / ".meetup-local").touch()
    (tmp_path / "logs-is-a-file" / "logs").touch()
    data = tmp_path / folder.format(long="x" * 300)
    with pytest.raises(DataFolderRefused, match="--data "), prepared(read_options(["--data", str(data)])):
        pass


def test_a_folder_that_was_used_is_used_again(tmp_path: Path) -> None:
    for _ in range(2):
        with prepared(read_options(["--data", str(tmp_path / "data")])):
            (tmp_path / "data" / "objects").mkdir(exist_ok=True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--replay", "rsvp=/dev/null"], "'rsvp' is none of open_events"),
        (["--replay", "rsvps=/no/such/file"], "/no/such/file: No such file"),
        (["--members", "/no/such/file"], "/no/such/file: No such file"),
        (["--seconds", "0"], "must be more than 0"),
        (["--rate", "-1"], "'-1' is not a number of 0 or more"),
        (["--rate", "nan"], "'nan' is not a number of 0 or more"),
    ],
)
def test_a_mistake_on_the_command_line_is_named(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        read_options(arguments)

    assert sentence in capsys.readouterr().err

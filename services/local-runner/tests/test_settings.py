"""The command line, and the README's table of it."""

import re
from pathlib import Path

import pytest
from meetup_local.settings import documented, read_options
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

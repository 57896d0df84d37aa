"""What a linter may not say of a line, and why; what mypy may not, and why."""

import re
from pathlib import Path
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).parents[1]
SWITCH: Final = "# " + "noqa"
"""In two parts, because this file is searched too."""
IGNORE: Final = "# type: " + "ignore"
EXPLAINED: Final = re.compile(SWITCH + r": [A-Z]+[0-9]+(, [A-Z]+[0-9]+)*  \(\w.*\w.*\)$")
EXPLAINED_TYPE: Final = re.compile(IGNORE + r"\[[a-z-]+(, [a-z-]+)*\]  # \w.*\w")


def unexplained(text: str) -> list[str]:
    """The lines that switch a rule off without its code, or without a reason in parentheses behind it."""
    found = (line for line in text.splitlines() if re.search(r"#\s*noqa\b", line, re.IGNORECASE))
    return [line for line in found if not EXPLAINED.search(line)]


def untyped(text: str) -> list[str]:
    """The lines that switch a type error off without its code, or without a reason in a comment behind it."""
    found = (line for line in text.splitlines() if re.search(r"#\s*type:\s*ignore\b", line))
    return [line for line in found if not EXPLAINED_TYPE.search(line)]


@pytest.mark.parametrize("rest", ["", ": S608", ": S608  ", ": S608  ()", " (why)", ": S608, S101"])
def test_an_exception_without_a_reason_is_found(rest: str) -> None:
    assert unexplained(f"x = 1  {SWITCH}{rest}\ny = 2  {SWITCH}: S608, S101  (quoted names)") == [
        f"x = 1  {SWITCH}{rest}"
    ]


@pytest.mark.parametrize("rest", ["", "[misc]", "[misc]  ", "[misc]  #", "  # why not", "[misc] why not"])
def test_a_type_error_that_is_ignored_without_a_reason_is_found(rest: str) -> None:
    assert untyped(f"x = 1  {IGNORE}{rest}\ny = 2  {IGNORE}[misc, index]  # no types there") == [
        f"x = 1  {IGNORE}{rest}"
    ]


def test_every_exception_has_its_reason_beside_it() -> None:
    files = [file for folder in ("services", "tests", "bench") for file in REPOSITORY.glob(f"{folder}/**/*.py")]
    assert len(files) > 100
    for without_reason in (unexplained, untyped):
        assert {str(file): lines for file in files if (lines := without_reason(file.read_text()))} == {}

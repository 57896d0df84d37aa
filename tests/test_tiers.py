"""The tiers of the tests: what is run when, and who may be run again."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
FLAKY_TESTS = """
import pathlib
import pytest

def fails_once(name):
    mark = pathlib.Path(__file__).with_name(name)
    if not mark.exists():
        mark.touch()
        pytest.fail("the first time")

@pytest.mark.faults
def test_of_the_fault_tier():
    fails_once("fault")

def test_of_every_day():
    fails_once("day")
"""


def run_pytest(folder: Path, *arguments: str) -> str:
    """What pytest says of the folder's tests, with the repository's own hooks."""
    (folder / "conftest.py").write_text((REPOSITORY / "conftest.py").read_text())
    (folder / "test_flaky.py").write_text(FLAKY_TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    faults: x\n    images: x\n    linters: x\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *arguments, str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False).stdout


def test_only_the_fault_tier_is_run_again(tmp_path: Path) -> None:
    said = run_pytest(tmp_path)
    assert "1 failed, 1 passed, 1 rerun" in said
    assert "FAILED test_flaky.py::test_of_every_day" in said


def test_what_a_person_runs_leaves_the_fault_tier_out(tmp_path: Path) -> None:
    (daily,) = [
        line for line in (REPOSITORY / "Makefile").read_text().splitlines() if "-m " in line and "pytest" in line
    ]
    chosen = daily.partition('-m "')[2].partition('"')[0]
    assert "1 failed, 1 deselected" in run_pytest(tmp_path, "-m", chosen)


@pytest.mark.parametrize("marker", ["faults", "images", "linters"])
def test_every_tier_has_tests(marker: str) -> None:
    files = [*REPOSITORY.glob("tests/**/test_*.py"), *REPOSITORY.glob("services/*/tests/test_*.py")]
    assert any(f"pytest.mark.{marker}" in file.read_text() for file in files)


def test_ci_runs_every_tier() -> None:
    assert (REPOSITORY / ".ci" / "run").read_text().rstrip().endswith("make test ALL=1")

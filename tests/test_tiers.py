"""The tiers of the tests: what is run when, and who may be run again."""

import os
import re
import shutil
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

def test_of_every_day(tmp_path):
    print("its folder:", tmp_path)
    fails_once("day")
"""
HOPEFUL_TEST = """
import pytest

@pytest.mark.flaky(reruns=1)
def test_hopeful():
    pass
"""


def run_pytest(folder: Path, *arguments: str, **environ: str) -> str:
    """What pytest says of the folder's tests, with the repository's own hooks."""
    (folder / "conftest.py").write_text((REPOSITORY / "conftest.py").read_text())
    (folder / "test_flaky.py").write_text(FLAKY_TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    faults: x\n    images: x\n    linters: x\n")
    plugins = ("-p", "no:cacheprovider", "-p", "no:schemathesis")
    command = [sys.executable, "-m", "pytest", *plugins, "-rA", *arguments, str(folder)]
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_DEBUG_TEMPROOT"}
    return subprocess.run(
        command,
        env={**kept, **environ},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        timeout=110,
        check=False,
        stderr=subprocess.STDOUT,
    ).stdout


def test_only_the_fault_tier_is_run_again(tmp_path: Path) -> None:
    said = run_pytest(tmp_path)
    assert "1 failed, 1 passed, 1 rerun" in said
    assert "FAILED test_flaky.py::test_of_every_day" in said


def test_no_other_test_may_ask_to_be_run_again(tmp_path: Path) -> None:
    (tmp_path / "test_hopeful.py").write_text(HOPEFUL_TEST)
    said = run_pytest(tmp_path)
    assert "test_hopeful may not be run again" in said
    assert "passed" not in said
    for file in ("Makefile", "pyproject.toml", ".ci/run"):
        assert not re.search(r"(?<!suite-)reruns?[ =]\d", (REPOSITORY / file).read_text())


def test_what_a_person_runs_leaves_the_fault_tier_out(tmp_path: Path) -> None:
    (daily,) = [
        line for line in (REPOSITORY / "Makefile").read_text().splitlines() if "-m " in line and "pytest" in line
    ]
    chosen = daily.partition('-m "')[2].partition('"')[0]
    assert "1 failed, 1 deselected" in run_pytest(tmp_path, "-m", chosen)


def test_files_of_tests_are_in_memory_unless_the_variable_says_where(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or os.statvfs(memory).f_flag & os.ST_NOEXEC or shutil.disk_usage(memory).free < 2 << 30:
        pytest.skip("no such place on this machine, or little room in it")
    assert f"its folder: {memory}/" in run_pytest(tmp_path, "-k", "every_day")
    said = run_pytest(tmp_path, "-k", "every_day", PYTEST_DEBUG_TEMPROOT=str(tmp_path))
    assert f"its folder: {tmp_path}/" in said


@pytest.mark.parametrize("marker", ["faults", "images", "linters"])
def test_every_tier_has_tests(marker: str) -> None:
    files = [*REPOSITORY.glob("tests/**/test_*.py"), *REPOSITORY.glob("services/*/tests/test_*.py")]
    assert any(f"pytest.mark.{marker}" in file.read_text() for file in files)


def test_ci_runs_every_tier() -> None:
    assert (REPOSITORY / ".ci" / "run").read_text().rstrip().endswith("make test ALL=1")

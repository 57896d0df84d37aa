"""A child of a fork server is the program that ``python -m`` would be."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from meetup_testkit.child_process import until
from meetup_testkit.warm_start import ForkedProcess, ForkServer, started

IMPORTED: Final = "open('imported', 'a').write('.')"
TELLS: Final = """
import json, os, sys, time

def main():
    told = {"name": __name__, "arguments": sys.argv[1:], "environ": dict(os.environ), "folder": os.getcwd()}
    told |= {"input": sys.stdin.read(), "optimized": sys.flags.optimize}
    print(json.dumps(told), flush=True)
    if sys.argv[1:] == ["hang"]:
        time.sleep(600)
    sys.exit(3)

if __name__ == "__main__":
    main()
"""

Start = Callable[..., "subprocess.Popen[bytes] | ForkedProcess"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a program in it."""
    package = tmp_path / "meetup_probe"
    package.mkdir()
    (package / "__init__.py").write_text(IMPORTED)
    (package / "__main__.py").write_text(TELLS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[ForkServer]:
    server = ForkServer("meetup_probe")
    yield server
    server.close()


def start(how: Start, folder: Path, *arguments: str, **environ: str) -> "subprocess.Popen[bytes] | ForkedProcess":
    command = [sys.executable, "-m", "meetup_probe", *arguments]
    with (folder / "log").open("wb") as log:
        return how(command, {"PATH": os.environ["PATH"], **environ}, log)


def cold(command: list[str], environ: Mapping[str, str], log: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def told(folder: Path) -> Any:
    return json.loads((folder / "log").read_text())


def test_a_child_is_told_what_the_program_would_be_told_and_ends_as_it_would(
    folder: Path, server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = folder / "inner"
    inner.mkdir()
    seen = []
    for how in (cold, server.started):
        environ = {"WORD": "v", "LC_ALL": "C.UTF-8"}  # without a locale, an interpreter sets one
        assert start(how, folder, "a", "b c", **environ).wait() == 3
        seen.append(told(folder))
    assert seen[0] == seen[1]
    monkeypatch.chdir(inner)
    assert start(server.started, folder).wait() == 3
    assert told(folder)["folder"] == str(inner)


def test_imports_are_done_once_and_the_program_is_run_each_time(folder: Path, server: ForkServer) -> None:
    for number in range(3):
        assert start(server.started, folder, str(number)).wait() == 3
        assert told(folder)["arguments"] == [str(number)]
    assert (folder / "imported").read_text() == "."


def test_children_run_beside_each_other_and_signals_reach_them(folder: Path, server: ForkServer) -> None:
    children = [start(server.started, folder, "hang") for _ in range(2)]
    until((folder / "log").read_text, "its line")
    assert [child.poll() for child in children] == [None, None]
    with pytest.raises(subprocess.TimeoutExpired):
        children[0].wait(0.01)
    children[1].kill()
    assert children[1].wait() == -signal.SIGKILL
    assert children[0].poll() is None
    children[0].send_signal(signal.SIGTERM)
    assert children[0].wait() == -signal.SIGTERM
    children[0].send_signal(signal.SIGTERM)  # nobody's, who may have its number by now


def test_a_child_goes_on_when_its_server_ends(folder: Path) -> None:
    server = ForkServer("meetup_probe")
    child = start(server.started, folder, "hang")
    until((folder / "log").read_text, "its line")
    server.close()
    os.kill(child.pid, 0)
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="no fork server"):
        child.wait()


def test_an_interpreter_that_is_told_something_else_starts_anew(folder: Path) -> None:
    assert start(started, folder, PYTHONOPTIMIZE="1").wait() == 3
    assert told(folder)["optimized"] == 1


def test_a_program_that_cannot_be_imported_is_said(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "meetup_probe" / "__init__.py").write_text("import no_such_module")
    with closing(ForkServer("meetup_probe")) as server, pytest.raises(RuntimeError, match="imports failed"):
        start(server.started, folder)
    assert "no_such_module" in capfd.readouterr().err

"""The Firestore emulator: found beside the CLI, started on a port of its own, and gone at the end."""

import os
import socket
from pathlib import Path

import pytest
from meetup_testkit.emulators import firestore
from meetup_testkit.emulators.firestore import FirestoreEmulator
from meetup_testkit.emulators.pytest_plugin import FirestoreProject


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


class TestWhatIsMissing:
    @pytest.fixture
    def sdk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A machine without Java, with a Google Cloud CLI that is on the PATH by a link, as packages install it."""
        gcloud = executable(tmp_path / "sdk" / "bin" / "gcloud")
        programs = tmp_path / "bin"
        programs.mkdir()
        (programs / "gcloud").symlink_to(gcloud)
        monkeypatch.setenv("PATH", str(programs))
        return tmp_path / "sdk"

    def test_without_the_cli_the_skip_says_where_to_get_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert firestore.find_command() == firestore.NO_CLI

    def test_without_the_emulator_the_skip_says_which_component_to_install(self, sdk: Path) -> None:
        assert firestore.find_command() == firestore.NO_JAR

    def test_without_java_the_skip_says_what_to_install(self, sdk: Path) -> None:
        executable(sdk / "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
        assert firestore.find_command() == firestore.NO_JAVA

    def test_with_all_of_it_java_is_started_with_the_jar_beside_the_cli(self, sdk: Path, tmp_path: Path) -> None:
        jar = executable(sdk / "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
        java = executable(tmp_path / "bin" / "java")
        command = firestore.find_command()
        assert command[0] == str(java)
        assert str(jar) in command

    @pytest.mark.parametrize("reason", [firestore.NO_CLI, firestore.NO_JAR, firestore.NO_JAVA])
    def test_each_reason_begins_as_ci_expects(self, reason: str) -> None:
        assert reason.startswith("emulator absent: ")


class TestProcess:
    def test_it_answers_while_it_is_used_and_is_gone_afterwards(self) -> None:
        command = firestore.find_command()
        if isinstance(command, str):
            pytest.skip(command)
        with FirestoreEmulator(command) as emulator:
            pid, port = emulator.process.pid, emulator.process.port
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=60)

    def test_a_test_has_a_project_of_its_own_and_the_variable_that_names_the_emulator(
        self, firestore: FirestoreProject
    ) -> None:
        assert os.environ["FIRESTORE_EMULATOR_HOST"] == firestore.emulator.host
        assert firestore.url == f"firestore://{firestore.name}"
        assert firestore.name.startswith("meetup-")

"""Mistakes in settings are said in words, and secrets are not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from meetup_gateway.settings import GatewaySettings
from meetupkit.settings import SettingsError

from services.gateway.tests.gateway_world import PRIVATE_KEY

ENVIRON = {
    "GATEWAY_FOLLOW": "/follow.yaml",
    "GATEWAY_STORE": "/data/gateway.db",
    "GATEWAY_KEY": "a-shared-key",
    "GATEWAY_CONTACT": "mailto:me@example.org",
    "GATEWAY_CLIENT_KEY": "client",
    "GATEWAY_MEMBER_ID": "1",
    "GATEWAY_SIGNING_KEY_ID": "kid",
    "GATEWAY_SIGNING_KEY": PRIVATE_KEY,
}


def test_no_secret_is_in_a_representation_of_the_settings() -> None:
    settings = GatewaySettings.from_environ(ENVIRON)
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    assert "a-shared-key" not in shown
    assert PRIVATE_KEY.splitlines()[1] not in shown


@pytest.mark.parametrize(
    ("changed", "mistake"),
    [
        ({"GATEWAY_KEY": ""}, "GATEWAY_KEY"),
        ({"GATEWAY_CONTACT": "two\nlines"}, "GATEWAY_CONTACT"),
        ({"GATEWAY_CONTACT": ""}, "GATEWAY_CONTACT"),
        ({"GATEWAY_API_URL": "ftp://x"}, "GATEWAY_API_URL"),
        ({"GATEWAY_API_URL": "https://user:password@x/"}, "GATEWAY_API_URL"),
        ({"GATEWAY_SIGNING_KEY": "no key"}, "private RSA key"),
        ({"GATEWAY_SIGNING_KEY_ID": ""}, "GATEWAY_SIGNING_KEY_ID"),
        ({"GATEWAY_REFRESH_TOKEN": "x"}, "one of the two"),
        ({"GATEWAY_HEARTBEAT_SECONDS": "60"}, "GATEWAY_HEARTBEAT_SECONDS"),
        ({"GATEWAY_MEMBERS": "some"}, "GATEWAY_MEMBERS"),
        ({"GATEWAY_NOTHING": "1"}, "no such setting"),
    ],
)
def test_a_setting_that_is_wrong_is_named(changed: dict[str, str], mistake: str) -> None:
    with pytest.raises(SettingsError, match=mistake) as raised:
        GatewaySettings.from_environ(ENVIRON | changed)
    assert PRIVATE_KEY.splitlines()[1] not in str(raised.value)


def run(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    command = [sys.executable, "-m", "meetup_gateway", *arguments]
    return subprocess.run(command, env=kept | environ, capture_output=True, text=True, timeout=110, check=False)


def test_a_wrong_start_is_exit_code_2_and_no_traceback(tmp_path: Path) -> None:
    follow = tmp_path / "follow.yaml"
    follow.write_text("groups: [{urlname: ''}, 5]\nplanets: [Mars]\n")
    wrong = run(ENVIRON | {"GATEWAY_FOLLOW": str(follow), "GATEWAY_STORE": str(tmp_path / "g.db")})
    assert wrong.returncode == 2
    for part in ("groups[0]", "groups[1]", "planets"):
        assert part in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_groups_without_credentials_are_exit_code_2(tmp_path: Path) -> None:
    follow = tmp_path / "follow.yaml"
    follow.write_text("groups: [hikers]\n")
    environ = {name: value for name, value in ENVIRON.items() if name != "GATEWAY_SIGNING_KEY"}
    wrong = run(environ | {"GATEWAY_FOLLOW": str(follow), "GATEWAY_STORE": str(tmp_path / "g.db")})
    assert wrong.returncode == 2
    assert "GATEWAY_SIGNING_KEY or GATEWAY_REFRESH_TOKEN" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize("command", [[], ["calibrate"], ["forget", "7"]])
def test_a_store_that_cannot_be_opened_is_exit_code_2_and_no_traceback(tmp_path: Path, command: list[str]) -> None:
    follow = tmp_path / "follow.yaml"
    follow.write_text("groups: [hikers]\n")
    store = tmp_path / "no-folder" / "g.db"
    wrong = run(ENVIRON | {"GATEWAY_FOLLOW": str(follow), "GATEWAY_STORE": str(store)}, *command)
    assert wrong.returncode == 2
    assert f"{store} cannot be opened" in wrong.stderr
    assert "Traceback" not in wrong.stderr

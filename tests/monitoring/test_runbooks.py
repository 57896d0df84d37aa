"""The runbooks: a page for each alert, each with its four parts, and nothing named that is not there."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from meetup_alert_webhook.digest.outbox import UNREADABLE
from meetup_testkit.service_process import ServiceProcess
from meetup_testkit.simulator_process import SimulatorProcess
from meetupkit.stores import open_documents
from meetupkit.stores.documents import Create

from . import shipped

TEXT: Final = shipped.RUNBOOKS.read_text()
PAGES: Final = dict(re.findall(r"^## (.+)\n\n((?:(?!^#).*\n?)*)", TEXT, re.MULTILINE))
NOT_AN_ALERT: Final = "Monitoring is silent"
"""Sent by the alert webhook itself."""
NOTHING_TO_DO: Final = "Watchdog"
OURS: Final = ("services/", "tests/", "charts/", "k8s/", "meetupkit/")


@pytest.mark.parametrize("alert", [*(alert.name for alert in shipped.alerts()), NOT_AN_ALERT])
def test_every_alert_has_a_page_that_says_what_it_means_what_to_look_at_what_to_do_and_how_it_was_tested(
    alert: str,
) -> None:
    page = PAGES[alert]
    assert re.match(r"[A-Z].*\.", page.partition("\n\n")[0], re.DOTALL), "what it means"
    assert re.search(r"^Tested: .+\.$", page, re.MULTILINE | re.DOTALL), "how it was tested"
    if alert != NOTHING_TO_DO:
        assert re.search(r"^- .*`.+`|^- .*Dashboard|^- .*dashboard", page, re.MULTILINE), "what to look at"
        assert re.search(r"^Do: \w", page, re.MULTILINE), "what to do"


def test_every_page_is_of_an_alert() -> None:
    assert PAGES.keys() == {alert.name for alert in shipped.alerts()} | {NOT_AN_ALERT}


def test_every_file_that_a_page_names_is_there() -> None:
    named = {word for word in re.findall(r"`([\w./-]+)`", TEXT) if word.startswith(OURS)}
    assert named
    folders = (shipped.REPOSITORY, shipped.REPOSITORY / "services/meetupkit/src")
    assert {name for name in named if not any((folder / name).exists() for folder in folders)} == set()


def test_every_event_that_a_page_looks_for_is_one_that_a_service_logs() -> None:
    looked_for = set(re.findall(r'"event": "(\w+)"|\.event == "(\w+)"|`(\w+_\w+)` in the|grep (\w+_\w+) ', TEXT))
    names = {name for found in looked_for for name in found if name}
    source = "".join(file.read_text() for file in shipped.REPOSITORY.glob("services/*/src/**/*.py"))
    assert names
    assert {name for name in names if f'"event": "{name}"' not in source} == set()


def test_every_panel_that_a_page_names_is_on_its_dashboard() -> None:
    titles = {dashboard["title"] for dashboard in shipped.dashboards().values()}
    panels = {panel["title"] for dashboard in shipped.dashboards().values() for panel in shipped.panels(dashboard)}
    for line in TEXT.splitlines():
        if found := re.search(r'[Dd]ashboard "([^"]+)"(.*)', line):
            assert found[1] in titles, line
            assert set(re.findall(r'"([A-Z][^"]+)"', found[2])) <= panels, line


def in_a_pod(folder: Path, deployment: str, script: str, **environ: str) -> str:
    """What the script says, with a kubectl that runs here what the real one runs in a pod of the deployment."""
    kubectl = folder / "kubectl"
    kubectl.write_text(f'#!/bin/sh\ntest "$1 $2 $3" = "exec deployment/{deployment} --" && shift 3 && exec "$@"\n')
    kubectl.chmod(0o755)
    path = {"PATH": f"{folder}:{Path(sys.executable).parent}:/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", script], env=path | environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_commands_show_a_digest_that_is_a_dead_letter_and_remove_it(tmp_path: Path) -> None:
    commands = re.findall(r"^    (.+)$", PAGES["MeetupDigestsUnreadable"], re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["store='import", "kubectl", "kubectl"]
    url = f"sqlite:///{tmp_path}/state.sqlite"
    store = open_documents(url)
    store.commit([Create(UNREADABLE, name, {"digest": f'{{"of": "{name}"}}'}) for name in ("one", "two")])

    def run(command: str) -> str:
        script = f"{commands[0]}\n{command}"
        return in_a_pod(tmp_path, "meetup-alert-webhook", script, ALERT_WEBHOOK_STATE=url)

    assert run(commands[1]).splitlines() == ['one {"of": "one"}', 'two {"of": "two"}']
    assert run(commands[2].replace("NAME", "one")) == ""
    assert run(commands[1]).splitlines() == ['two {"of": "two"}']
    store.close()


def test_the_page_command_shows_a_page_of_a_pod(tmp_path: Path) -> None:
    command = re.search(r"^    (page\(\) .+)$", TEXT, re.MULTILINE)
    assert command
    with SimulatorProcess("--rate", "10") as meetup:
        settings = {
            "STREAM_FEED": "rsvps",
            "STREAM_URL": meetup.stream_url("rsvps"),
            "STREAM_OBJECTS": f"file://{tmp_path}/objects",
            "STREAM_PORT": "0",
        }
        with ServiceProcess("meetup_stream", settings, tmp_path / "log") as stream:
            stream.wait_ready()
            script = f"{command[1]}\npage rsvps-stream readyz {stream.port}"
            assert in_a_pod(tmp_path, "rsvps-stream", script) == "ready"

"""The alert rules: each has all a person needs, and is shown to fire when it should and not otherwise."""

import copy
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from meetupkit.feeds import FEEDS

from . import runbook_annotations, shipped
from .shipped import Alert

RULE_TESTS: Final = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
ALERTS: Final = shipped.alerts()
RUNBOOK_LINES: Final = {"runbook_meaning", "runbook_action"}
LONGEST_LINE: Final = 700
"""Characters that the alert webhook shows of each."""
FIRST_WORDS: Final = ("deploy", "restart", "quiet night")
"""What no alert may take for trouble; a test of each rule file says so in its name."""


def promtool(*arguments: str | Path) -> None:
    program = shipped.program("promtool", "prometheus")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def cases(file: Path) -> list[dict[str, Any]]:
    return list(shipped.document(file)["tests"])


def expectations(case: dict[str, Any]) -> list[dict[str, Any]]:
    return list(case.get("promql_expr_test", []))


@pytest.mark.parametrize("file", shipped.RULE_FILES, ids=lambda file: file.stem)
def test_prometheus_takes_every_rule_file(file: Path) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", file)


@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda file: file.stem)
def test_alerts_fire_when_they_should_and_not_otherwise(file: Path, tmp_path: Path) -> None:
    """The runbooks' lines, which every alert of a kind has, are filled in where annotations are expected."""
    tests = copy.deepcopy(shipped.document(file))
    tests["rule_files"] = [str((file.parent / each).resolve()) for each in tests["rule_files"]]
    for case in tests["tests"]:
        for test in case.get("alert_rule_test", []):
            for expected in test["exp_alerts"]:
                lines = runbook_annotations.annotations_of(test["alertname"])
                expected["exp_annotations"] |= {**lines, "runbook_url": ""}
    filled = tmp_path / file.name
    filled.write_text(yaml.dump(tests, Dumper=yaml.CSafeDumper))
    promtool("test", "rules", filled)


def test_every_rule_file_has_its_tests() -> None:
    assert [file.name for file in RULE_TESTS] == [file.name for file in shipped.RULE_FILES]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_is_seen_to_fire(alert: Alert) -> None:
    expected = [str(e["expr"]) + str(e["exp_samples"]) for f in RULE_TESTS for c in cases(f) for e in expectations(c)]
    assert any(alert.name in text and "value" in text for text in expected)


@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda file: file.stem)
@pytest.mark.parametrize("word", FIRST_WORDS)
def test_no_alert_fires_at_a_deploy_a_restart_or_in_a_quiet_night(file: Path, word: str) -> None:
    quiet = [case for case in cases(file) if case["name"].startswith("nothing") and word in case["name"]]
    assert quiet, f"{file.name} has no case for a {word}"
    for case in quiet:
        for expectation in expectations(case):
            others = expectation["expr"].replace(', alertname!="Watchdog"', "")
            assert (others, expectation["exp_samples"]) == ('ALERTS{alertstate="firing"}', [])


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_says_how_bad_what_and_what_to_do(alert: Alert) -> None:
    assert alert.labels["severity"] in {"critical", "warning", "none"}
    assert alert.annotations["summary"]
    assert alert.annotations["description"].endswith((".", "}"))
    assert shipped.anchor_of(alert) in shipped.anchors()
    uid = re.search(r"/d/([\w-]+)", alert.annotations["dashboard_url"])
    assert uid
    assert uid[1] in shipped.dashboards()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_repeats_the_first_lines_of_its_runbook(alert: Alert) -> None:
    """If this fails: python -m tests.monitoring.runbook_annotations."""
    wanted = runbook_annotations.annotations_of(alert.name)
    assert {name: text for name, text in alert.annotations.items() if name in RUNBOOK_LINES} == wanted
    assert wanted["runbook_meaning"]
    assert wanted.keys() == RUNBOOK_LINES or alert.name == "Watchdog"
    assert max(map(len, wanted.values())) <= LONGEST_LINE


@pytest.mark.parametrize("file", shipped.RULE_FILES, ids=lambda file: file.stem)
def test_writing_the_lines_anew_changes_nothing(file: Path) -> None:
    assert runbook_annotations.written(file.read_text()) == file.read_text()


def test_nothing_that_is_shipped_leads_to_one_repositorys_address() -> None:
    for file in (*shipped.RULE_FILES, *shipped.DASHBOARD_FILES):
        assert "://" not in re.sub(
            r"https?://(?:\$|127\.|stream\.meetup|[a-z-]+\.status|status\.)", "", file.read_text()
        )


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_wait_has_its_reason(alert: Alert) -> None:
    """Beside it, or in the lines above it."""
    if alert.name == "Watchdog":
        assert alert.waits is None
        return
    assert re.search(r"for: \d+[mh]  # \w+|# .+\n\s+for: ", alert.source), alert.source


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_no_message_names_a_label_that_the_alert_does_not_have(alert: Alert) -> None:
    kept = {label.strip() for group in re.findall(r"by \(([^)]*)\)", alert.expression) for label in group.split(",")}
    named = {name for text in alert.annotations.values() for name in re.findall(r"\$labels\.(\w+)", text)}
    assert named <= kept


def test_every_feed_has_a_limit_of_silence_beyond_its_read_timeout() -> None:
    """A connection that is dead is made again before anybody is told."""
    limits = {
        rule["labels"]["feed"]: float(rule["expr"].removeprefix("vector(").removesuffix(")"))
        for rule in shipped.rules()
        if rule.get("record") == "feed:meetup_stream_silent_after:seconds"
    }
    assert limits.keys() == FEEDS.keys()
    for name, limit in limits.items():
        assert limit > 4 * FEEDS[name].read_timeout, name

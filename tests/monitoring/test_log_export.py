"""The log export: three equal forms, and filters that take the errors of the services and not the webhook's own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from meetup_alert_webhook.sources.log_export import parse
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_process import SimulatorProcess

from ..operator.cluster import a_faulty_connection, a_test_cluster, a_test_server
from ..operator.cluster import eventually as operator_until
from ..operator.operator_process import an_operator
from . import shipped
from .log_export_forms import FOLDER, SCRIPT, VALUES, from_manifests, from_script, from_terraform, script
from .log_filter import LEVELS, compiled

TO_SLACK: Final = "meetup-errors-to-slack"
TO_STORAGE: Final = "meetup-errors-to-storage"
SERVICES: Final = {"stream": "stream", "enricher": "enricher", "webhook": "alert-webhook", "operator": "feed-operator"}
"""Name here to the name of the container in its pod."""
NOT_PAYLOAD: Final = ("severity", "time", "logging.googleapis.com/labels", "logging.googleapis.com/sourceLocation")
"""What GKE's agent moves out of a JSON line into the entry around it."""

pytestmark = pytest.mark.timeout(300)  # four services come to their errors, and a machine may be busy


def entry(line: dict[str, Any], container: str, **labels: str) -> dict[str, Any]:
    """The log entry that GKE's agent makes of a line that a container wrote."""
    place = {"project_id": VALUES["project"], "cluster_name": VALUES["cluster"], "namespace_name": VALUES["namespace"]}
    return {
        "logName": f"projects/{VALUES['project']}/logs/stderr",
        "insertId": "1",
        "timestamp": line["time"],
        "severity": line["severity"],
        "resource": {"type": "k8s_container", "labels": {**place, "container_name": container, **labels}},
        "jsonPayload": {name: value for name, value in line.items() if name not in NOT_PAYLOAD},
    }


def test_manifests_script_and_terraform_make_the_same() -> None:
    manifests = from_manifests()
    assert from_terraform() == manifests
    assert from_script(script("--dry-run")) == manifests


def test_what_is_made_can_work() -> None:
    """Who writes where, and what becomes of what cannot be delivered."""
    export = from_manifests()
    push = export.subscriptions["meetup-log-errors-to-slack"]
    assert push["endpoint"] == push["audience"] == f"{VALUES['webhook']}/v1/log-export"
    assert push["account"].partition("@")[0] in export.accounts
    assert {subscription["topic"] for subscription in export.subscriptions.values()} == export.topics
    agent = f"serviceAccount:service-{VALUES['project_number']}@gcp-sa-pubsub.iam.gserviceaccount.com"
    assert export.grants == {
        ("roles/storage.objectCreator", export.bucket["name"], f"writer of {TO_STORAGE}"),
        ("roles/pubsub.publisher", push["topic"], f"writer of {TO_SLACK}"),
        ("roles/pubsub.publisher", push["dead letters"], agent),
        ("roles/pubsub.subscriber", "meetup-log-errors-to-slack", agent),
        ("roles/iam.serviceAccountTokenCreator", push["account"].partition("@")[0], agent),
    }


def test_the_script_creates_once_and_updates_afterwards(tmp_path: Path) -> None:
    program = tmp_path / "gcloud"
    text = Path(__file__).with_name("gcloud.py").read_text().partition("\n")[2]
    program.write_text(f"#!{sys.executable}\n{text}")
    program.chmod(0o755)
    first, second = script(path=str(tmp_path)), script(path=str(tmp_path))
    assert from_script(first) == from_manifests()
    assert [words for words in second if "create" in words] == []
    kept = [w for w in second if "update" in w or "add-iam-policy-binding" in w]
    assert kept == second
    for verb in ("subscriptions", "sinks"):
        assert sum(verb in words and "update" in words for words in second) == 2


def test_a_wrong_argument_changes_nothing(tmp_path: Path) -> None:
    variables = {name.upper(): value for name, value in VALUES.items()}
    done = subprocess.run(
        [SCRIPT, "--force"], env={"PATH": "/usr/bin:/bin", **variables}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert done.stdout == ""


def test_the_script_is_clean() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("shellcheck"), "--enable=all", "--exclude=SC2250,SC2310,SC2312", SCRIPT],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_terraform_file_is_formatted() -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not on this machine; the file is parsed by the other tests")
    checked = subprocess.run([terraform, "fmt", "-check", "-diff", "log-export.tf"], cwd=FOLDER, capture_output=True)
    assert checked.returncode == 0, checked.stdout


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ServiceProcess]]:
    """Services that Meetup refuses, or somebody sends nonsense."""
    folder = tmp_path_factory.mktemp("errors")
    with SimulatorProcess("--rate", "50") as meetup:
        stream = {
            "STREAM_FEED": "rsvps",
            "STREAM_URL": f"{meetup.base_url}/2/no_such_feed",
            "STREAM_OBJECTS": f"file://{folder}/objects",
            "STREAM_PORT": "0",
        }
        enricher = {
            "ENRICHER_API_URL": meetup.base_url,
            "ENRICHER_API_KEY": "not the key",
            "ENRICHER_DOCUMENTS": f"sqlite:///{folder}/documents.sqlite",
            "ENRICHER_PORT": "0",
            "ENRICHER_LINGER_SECONDS": "0.1",
        }
        webhook = {
            "ALERT_WEBHOOK_SLACK_URL": "http://127.0.0.1:9/services/none",
            "ALERT_WEBHOOK_ALLOW_UNAUTHENTICATED": "true",
            "ALERT_WEBHOOK_STATE": f"sqlite:///{folder}/state.sqlite",
            "ALERT_WEBHOOK_PORT": "0",
        }
        with (
            ServiceProcess("meetup_stream", stream, folder / "stream.log") as s,
            ServiceProcess("meetup_enricher", enricher, folder / "enricher.log") as e,
            ServiceProcess("meetup_alert_webhook", webhook, folder / "webhook.log") as w,
        ):
            _post(f"{e.wait_ready().url}/v1/enrichments", {"members": [1]})
            _post(f"{w.url}/v1/alertmanager", {"no": "alert"})
            yield {"stream": s, "enricher": e, "webhook": w}


@pytest.fixture(scope="module")
def errors(failing: dict[str, ServiceProcess], operator_lines: list[str]) -> dict[str, list[dict[str, Any]]]:
    """All that each service logged until its error; a stream takes no refusal for lasting within ten seconds."""
    for name, process in failing.items():
        until(partial(_severe, process), f"an error of {name}")
    said = {name: process.events() for name, process in failing.items()}
    return {**said, "operator": [json.loads(line) for line in operator_lines]}


def _severe(process: ServiceProcess) -> list[dict[str, Any]]:
    return [line for line in process.events() if line["severity"] in ("ERROR", "CRITICAL")]


def _post(url: str, body: object) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.post(url, json=body, timeout=30)


@pytest.fixture(scope="module")
def operator_lines(tmp_path_factory: pytest.TempPathFactory, failing: dict[str, ServiceProcess]) -> list[str]:
    """All that the operator wrote, kopf's lines too, while its watches were broken and its rights taken away.

    The services come to their errors meanwhile.
    """
    assert failing
    with a_test_server() as server, a_test_cluster(server) as cluster, a_faulty_connection(cluster):
        with an_operator(cluster, tmp_path_factory.mktemp("operator")) as operator:
            operator_until(lambda: cluster.live_watches() >= 5, "the watches are up")
            cluster.inject({"verbs": ["apply"], "plurals": ["networkpolicies"], "status": 403, "count": 10**6})
            cluster.create_feed("rsvps", feed="rsvps")
            cluster.wait_for_condition("rsvps", "Degraded", "True", "Forbidden")
            cluster.disturb_watches("break")
            operator_until(lambda: operator.events("watches_ended"), "the watches have ended")
            assert operator.stop() == 0
        return operator.log.read_text().splitlines()


def test_every_line_of_the_operator_is_json_of_cloud_logging(operator_lines: list[str]) -> None:
    lines = [json.loads(line) for line in operator_lines]
    assert {"meetup_feed_operator.control.watches", "meetup_feed_operator.control.reconcile"} <= {
        line["logger"] for line in lines
    }
    for line in lines:
        assert line["severity"] in LEVELS
        assert datetime.fromisoformat(line["time"]).tzinfo
        assert line["message"]
        assert line["serviceContext"]["service"] == "feed-operator"
        assert not line.keys() & {"settings", "k8s_skip", "exc_info"}, line


def test_a_watch_that_ended_once_is_a_warning_per_kind_and_no_error(operator_lines: list[str]) -> None:
    """kopf says it several times and as an ERROR, though it is set up again at once."""
    told = [line for line in map(json.loads, operator_lines) if line.get("event") == "watches_ended"]
    assert told
    assert {line["severity"] for line in told} == {"WARNING"}
    assert len({line["kind"] for line in told}) == len(told)
    severe = [line for line in map(json.loads, operator_lines) if line["severity"] in LEVELS[LEVELS.index("ERROR") :]]
    assert severe == []


@pytest.mark.parametrize("service", ["stream", "enricher", "operator"])
def test_an_error_of_a_service_goes_to_storage_and_to_slack(
    errors: dict[str, list[dict[str, Any]]], service: str
) -> None:
    filters = {name: compiled(text) for name, (_, text) in from_manifests().sinks.items()}
    for line in errors[service]:
        made = entry(line, SERVICES[service])
        severe = line["severity"] in ("ERROR", "CRITICAL")
        assert {name: matches(made) for name, matches in filters.items()} == {TO_STORAGE: severe, TO_SLACK: severe}
        if severe:
            assert parse(json.dumps(made).encode(), {}).findings[0].summary in line["message"]


def test_an_error_of_the_webhook_is_kept_and_does_not_come_back_to_it(errors: dict[str, list[dict[str, Any]]]) -> None:
    filters = {name: compiled(text) for name, (_, text) in from_manifests().sinks.items()}
    severe = [entry(line, "alert-webhook") for line in errors["webhook"] if line["severity"] == "ERROR"]
    assert severe
    for made in severe:
        assert filters[TO_STORAGE](made)
        assert not filters[TO_SLACK](made)


@pytest.mark.parametrize("name", [TO_STORAGE, TO_SLACK])
@pytest.mark.parametrize("elsewhere", [{"cluster_name": "other"}, {"namespace_name": "kube-system"}])
def test_what_others_log_is_not_exported(
    errors: dict[str, list[dict[str, Any]]], name: str, elsewhere: dict[str, str]
) -> None:
    matches = compiled(from_manifests().sinks[name][1])
    assert not any(matches(entry(line, "stream", **elsewhere)) for line in errors["stream"])
    line = next(line for line in errors["stream"] if line["severity"] == "ERROR")
    assert not matches({**entry(line, "stream"), "resource": {"type": "k8s_pod", "labels": {}}})


def test_the_containers_are_called_as_the_filters_say() -> None:
    """The exclusion of the webhook depends on the name that the chart gives its container."""
    for folder, container in (
        ("alert-webhook", "alert-webhook"),
        ("operator", "feed-operator"),
        ("enricher", "enricher"),
    ):
        template = (shipped.CHART / "templates" / folder / "deployment.yaml").read_text()
        assert f"- name: {container}\n" in template


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('a.b="X"', True),
        ('a.b="y"', False),
        ('a.c="x"', False),
        ('NOT a.c="x"', True),
        ('-a.b="x"', False),
        ('a.b:"x" AND severity>=ERROR', True),
        ('a.b="x" severity>ERROR', False),
        ('(a.b="q" OR a.b="x") AND severity=ERROR', True),
    ],
)
def test_the_evaluator_keeps_to_the_language(text: str, found: bool) -> None:
    assert compiled(text)({"a": {"b": "x"}, "severity": "ERROR"}) is found


@pytest.mark.parametrize("text", ["a=~x y", '(a="x"', 'a="x" AND', 'a="x" OR b="x" AND c="x"', 'AND a="x"', 'a>"x"'])
def test_the_evaluator_refuses_what_it_does_not_know(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        compiled(text)({"a": "x", "b": "x", "c": "x"})

"""CONTRIBUTING's table of the files that a datum passes, held against what the services do."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest
import requests
from meetup_testkit.pipeline import Pipeline, Stores
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.slack_plugin import SlackStandIn

from ..operator.cluster import a_test_cluster, a_test_server

REPOSITORY: Final = Path(__file__).parents[2]
TRACING: Final = str(Path(__file__).with_name("tracing"))
MOST_FILES: Final = {"record": 8, "id": 12, "alert": 9, "MeetupFeed": 10}
"""What a reader can follow in one sitting; rooms beyond are steps to be merged, not lines to be moved."""
_ROW: Final = re.compile(r"^\| (record|id|alert|MeetupFeed) \| (.+) \| (.+) \|$", re.MULTILINE)


def rows() -> dict[str, tuple[list[str], set[str]]]:
    """By datum: the files it passes, in order, and the files of the same service used beside them."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    return {
        what: (re.findall(r"`(.+?)`", passes), set(re.findall(r"`(.+?)`", beside)))
        for what, passes, beside in _ROW.findall(text)
    }


@contextmanager
def traced(module: str, environ: dict[str, str], folder: Path) -> Iterator[ServiceProcess]:
    """The service with the tracer in it."""
    extra = {"PYTHONPATH": TRACING, "TRACED_TO": str(folder / "trace.json")}
    with ServiceProcess(module, environ | extra, folder / f"{module}.log") as process:
        yield process


def forget(folder: Path, process: ServiceProcess) -> None:
    """What was seen before the datum came is no part of its path; all that is seen from here on may be."""
    process.process.send_signal(signal.SIGUSR1)
    until((folder / "trace.forgotten").exists, "the tracer to forget")


def seen(folder: Path, process: ServiceProcess) -> list[str]:
    """Our files since, as the table names them."""
    process.process.send_signal(signal.SIGUSR2)
    trace = folder / "trace.json"
    until(trace.exists, "the trace")
    names = json.loads(trace.read_text())
    return [re.sub(r"^.*/services/([^/]+)/src/[^/]+/", r"\1/", name) for name in names]


def assert_path(what: str, files: list[str]) -> None:
    """Every file of the row is passed, and no other file of the row's service is but those that stand beside."""
    passes, beside = rows()[what]
    assert not set(passes) - set(files), f"not passed by a {what}"
    service = passes[0].partition("/")[0]
    own = {name for name in files if name.startswith(f"{service}/")}
    unknown = [name for name in files if name in own and not any(fnmatch(name, known) for known in {*passes, *beside})]
    assert unknown == [], f"passed by a {what}, and not in the table"


RunPipeline = Callable[[Stores, SimulatorProcess], Pipeline]


@pytest.mark.parametrize("what", MOST_FILES)
def test_a_datum_passes_few_files_and_all_of_them_exist(what: str) -> None:
    passes, beside = rows()[what]
    assert len(passes) == len(set(passes)) <= MOST_FILES[what]
    for name in [*passes, *beside]:
        service, _, path = name.partition("/")
        assert list((REPOSITORY / "services" / service / "src").glob(f"*/{path}")), name


def test_the_table_says_which_files_a_record_passes(simulator: StartSimulator, local: Stores, tmp_path: Path) -> None:
    meetup = simulator("--rate", "10")
    environ = {
        "STREAM_FEED": "rsvps",
        "STREAM_URL": meetup.stream_url("rsvps"),
        "STREAM_OBJECTS": local.objects,
        "STREAM_PORT": "0",
    }
    with traced("meetup_stream", environ, tmp_path) as stream:
        stream.wait_ready()
        stored = "meetup_stream_records_stored_total"
        until(lambda: stream.metric(stored) > 3, "the first records")
        forget(tmp_path, stream)
        before = stream.metric(stored)
        until(lambda: stream.metric(stored) > before + 3, "more records")
        assert_path("record", seen(tmp_path, stream))


def test_the_table_says_which_files_an_id_passes(
    simulator: StartSimulator, local: Stores, run_pipeline: RunPipeline, tmp_path: Path
) -> None:
    meetup = simulator("--count", "1")
    environ = {
        "ENRICHER_API_URL": meetup.base_url,
        "ENRICHER_API_KEY": meetup.api_key,
        "ENRICHER_DOCUMENTS": local.documents,
        "ENRICHER_PORT": "0",
        "ENRICHER_LINGER_SECONDS": "0.2",
    }
    with traced("meetup_enricher", environ, tmp_path) as enricher:
        enricher.wait_ready()
        forget(tmp_path, enricher)
        pipeline: Pipeline = run_pipeline(local, meetup)
        answer = requests.post(f"{enricher.url}/v1/enrichments", json={"members": [7]}, timeout=30)
        assert answer.status_code == requests.codes.accepted
        until(lambda: pipeline.ends("members", [7])[7] in {"document", "missing"}, "the end of the id", poll=0.3)
        assert_path("id", seen(tmp_path, enricher))


def test_the_table_says_which_files_an_alert_passes(slack: SlackStandIn, tmp_path: Path) -> None:
    environ = {
        "ALERT_WEBHOOK_PORT": "0",
        "ALERT_WEBHOOK_SLACK_TOKEN": slack.token,
        "ALERT_WEBHOOK_SLACK_API_URL": slack.api_url,
        "ALERT_WEBHOOK_SLACK_CHANNEL": slack.channel,
        "ALERT_WEBHOOK_TOKEN": "a-bearer-token",
        "ALERT_WEBHOOK_ALLOW_UNAUTHENTICATED": "true",
        "ALERT_WEBHOOK_STATE": f"sqlite:///{tmp_path}/state",
        "ALERT_WEBHOOK_SECONDS_PER_MESSAGE": "0",
        "ALERT_WEBHOOK_SILENCE_SECONDS": "0",
    }
    alert = {"status": "firing", "labels": {"alertname": "MeetupX"}, "annotations": {"summary": "It is so."}}
    body = {
        "version": "4",
        "groupKey": "g",
        "status": "firing",
        "alerts": [alert | {"startsAt": "2026-01-01T00:00:00Z"}],
    }
    with traced("meetup_alert_webhook", environ, tmp_path) as webhook:
        webhook.wait_ready()
        forget(tmp_path, webhook)
        bearer = {"Authorization": "Bearer a-bearer-token"}
        answer = requests.post(f"{webhook.url}/v1/alertmanager", json=body, headers=bearer, timeout=30)
        assert answer.status_code == requests.codes.ok, answer.text
        assert_path("alert", seen(tmp_path, webhook))


def test_the_table_says_which_files_a_meetupfeed_passes(tmp_path: Path) -> None:
    with a_test_server() as server, a_test_cluster(server) as cluster:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(cluster.kubeconfig())
        environ = {
            "KUBECONFIG": str(kubeconfig),
            "FEED_OPERATOR_PORT": "0",
            "FEED_OPERATOR_NAMESPACE": cluster.namespace,
            "FEED_OPERATOR_IMAGE": "registry.invalid/stream:test",
            "FEED_OPERATOR_BUCKET": "records",
        }
        with traced("meetup_feed_operator", environ, tmp_path) as operator:
            until(lambda: operator.events("listening"), "the operator listens")
            cluster.create_feed("photos", feed="photos")
            cluster.deployment("photos")
            forget(tmp_path, operator)
            cluster.create_feed("rsvps", feed="rsvps")
            cluster.deployment("rsvps")
            assert_path("MeetupFeed", seen(tmp_path, operator))

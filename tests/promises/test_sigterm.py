"""A signal to end, at whatever moment: no service hangs, and each ends in order once it can.

Moments in time are random. Moments in the program are not: a signal comes at each line of ours that the main thread
runs, of the start and of the stop, which finds windows of microseconds that no random moment would. A few of both are
tried here; ``SIGTERMS=1000`` tries a thousand random moments of each service and every line; ``-rP`` shows the slowest
end.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
import requests
from meetup_testkit.graphql_plugin import StartLivingMeetup
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.slack_plugin import SlackStandIn

from tests.operator.cluster import Cluster, a_test_cluster, a_test_server

from .signalled import LONGEST_SECONDS, Child, Prefork, Service

TIMES: Final = int(os.environ.get("SIGTERMS", "8"))
"""Moments per service, and lines at most. SIGINT, which goes the same way, gets a fifth of both."""
SEED: Final = os.environ.get("SIGTERMS_SEED", "")
"""Other moments: a thousand may be tried in parts."""
UNSHARE: Final = ("unshare", *(() if os.getuid() == 0 else ("--user", "--map-root-user")), "--pid", "--fork")
"""Runs a program as the first process of a PID namespace of its own."""
START_SECONDS: Final = 0.4
"""Imports apart, a start takes a fifth of a second on an idle machine: half of the random moments lie within it."""
WORK_SECONDS: Final = 0.8
"""The others lie so long after the service listens and has been given work."""
MODULES: Final = (
    "meetup_alert_webhook",
    "meetup_enricher",
    "meetup_feed_operator",
    "meetup_gateway",
    "meetup_insight",
    "meetup_stream",
)
NUMBERS: Final = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture
def alert_webhook(slack: SlackStandIn) -> Service:
    def environ(folder: Path) -> dict[str, str]:
        return {
            "ALERT_WEBHOOK_PORT": "0",
            "ALERT_WEBHOOK_SLACK_URL": slack.webhook_url,
            "ALERT_WEBHOOK_TOKEN": "a-bearer-token",
            "ALERT_WEBHOOK_STATE": f"sqlite:///{folder}/state.sqlite",
        }

    alert = {"status": "firing", "labels": {"alertname": "Quiet"}, "startsAt": "2026-11-24T04:03:00Z"}
    body = {"version": "4", "status": "firing", "alerts": [alert]}
    headers = {"Authorization": "Bearer a-bearer-token"}
    return Service("meetup_alert_webhook", environ, lambda url: _post(f"{url}/v1/alertmanager", body, headers))


@pytest.fixture
def enricher(simulator: StartSimulator) -> Service:
    meetup = simulator()

    def environ(folder: Path) -> dict[str, str]:
        return {
            "ENRICHER_PORT": "0",
            "ENRICHER_API_URL": meetup.base_url,
            "ENRICHER_API_KEY": meetup.api_key,
            "ENRICHER_DOCUMENTS": f"sqlite:///{folder}/documents.sqlite",
        }

    ids = {"members": list(range(1, 500)), "groups": list(range(1, 500))}
    return Service("meetup_enricher", environ, lambda url: _post(f"{url}/v1/enrichments", ids))


@pytest.fixture
def feed_operator() -> Iterator[Service]:
    with ExitStack() as running:
        cluster = running.enter_context(a_test_cluster(running.enter_context(a_test_server())))
        cluster.create_feed("rsvps", feed="rsvps")
        yield Service("meetup_feed_operator", lambda folder: _operators(folder, cluster), _probe)


def _operators(folder: Path, cluster: Cluster) -> dict[str, str]:
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig())
    settings = {"PORT": "0", "NAMESPACE": cluster.namespace, "IMAGE": "stream:1", "BUCKET": "records"}
    return {f"FEED_OPERATOR_{name}": value for name, value in settings.items()} | {"KUBECONFIG": str(kubeconfig)}


@pytest.fixture
def gateway(living_meetup: StartLivingMeetup) -> Service:
    meetup = living_meetup()

    def environ(folder: Path) -> dict[str, str]:
        (folder / "follow.yaml").write_text("networks: [simulated-network]\n")
        return {
            "GATEWAY_FOLLOW": f"{folder}/follow.yaml",
            "GATEWAY_STORE": f"{folder}/gateway.db",
            "GATEWAY_KEY": "a-shared-key",
            "GATEWAY_CONTACT": "mailto:test@example.org",
            "GATEWAY_API_URL": meetup.api_url,
            "GATEWAY_TOKEN_URL": meetup.token_url,
            "GATEWAY_CLIENT_KEY": "client-key",
            "GATEWAY_MEMBER_ID": "100000007",
            "GATEWAY_SIGNING_KEY_ID": "signing-key",
            "GATEWAY_SIGNING_KEY_FILE": str(meetup.key_file),
            "GATEWAY_PORT": "0",
        }

    return Service("meetup_gateway", environ, _probe)


@pytest.fixture
def insight() -> Service:
    def environ(folder: Path) -> dict[str, str]:
        (folder / "objects").mkdir()
        return {
            "INSIGHT_PORT": "0",
            "INSIGHT_OBJECTS": f"file://{folder}/objects",
            "INSIGHT_WAREHOUSE": f"duckdb:///{folder}/insight.duckdb",
            "INSIGHT_HASH_KEY": "0123456789abcdef0123456789abcdef",
        }

    return Service("meetup_insight", environ, _probe, arguments=("serve",))


@pytest.fixture
def stream(simulator: StartSimulator) -> Service:
    meetup = simulator()

    def environ(folder: Path) -> dict[str, str]:
        (folder / "objects").mkdir()
        return {
            "STREAM_PORT": "0",
            "STREAM_FEED": "rsvps",
            "STREAM_URL": f"{meetup.base_url}/2/rsvps",
            "STREAM_OBJECTS": f"file://{folder}/objects",
        }

    return Service("meetup_stream", environ, _probe)


@pytest.fixture
def service(request: pytest.FixtureRequest, module: str) -> Service:
    found: Service = request.getfixturevalue(module.removeprefix("meetup_"))
    return found


@pytest.mark.faults
@pytest.mark.timeout(60 + TIMES * LONGEST_SECONDS)
@pytest.mark.parametrize("number", NUMBERS, ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("module", MODULES)
def test_a_signal_at_any_time_ends_the_process_in_order(
    tmp_path: Path,
    module: str,
    service: Service,
    number: signal.Signals,
) -> None:
    chance = random.Random(f"{module} {number} {SEED}")
    slowest = 0.0
    with Prefork(service, tmp_path) as prefork:
        done = _times(number)
        for time_ in range(done):
            with prefork.child(str(time_)) as child:
                if time_ % 2:
                    port = until(child.listening, "listening")
                    service.work(f"http://127.0.0.1:{port}")
                moment = chance.uniform(0, WORK_SECONDS if time_ % 2 else START_SECONDS)
                time.sleep(moment)  # the moment is what is tested
                handled = bool(child.events("listening")) or (number == signal.SIGTERM and child.is_caught(number))
                when = f"{moment:.3f} s after it {'listened' if time_ % 2 else 'started'}"
                slowest = max(slowest, _end(prefork, child, number, when))
                _assert_in_order(child, number, handled=handled)
    print(f"{done} moments, the slowest end {slowest:.2f} s")


@pytest.mark.faults
@pytest.mark.timeout(60 + TIMES * LONGEST_SECONDS)
@pytest.mark.parametrize("number", NUMBERS, ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("module", MODULES)
def test_a_signal_at_any_line_of_the_start_or_the_stop_ends_the_process_in_order(
    tmp_path: Path,
    module: str,
    service: Service,
    number: signal.Signals,
) -> None:
    slowest = 0.0
    with Prefork(service, tmp_path) as prefork:
        lines = _lines(prefork, tmp_path / "lines")
        assert lines > 50
        done = min(_times(number), lines)
        chosen = random.Random(f"{module} {number} {SEED}").sample(range(lines), done)
        for line in chosen:
            with prefork.child(str(line), signal=number, line=line) as child:
                until(child.is_signalled_or_listens, f"a signal at line {line}, or listening")
                if not child.events("signalled") and not child.has_ended():
                    os.kill(child.pid, number)  # its line is one of the stop's, or was not run this time
                slowest = max(slowest, _end(prefork, child, None, f"at line {line} of {lines}"))
                signalled = child.events("signalled")
                _assert_in_order(child, number, handled=not signalled or signalled[0]["handled"])
    print(f"{done} moments, the slowest end {slowest:.2f} s")


@pytest.mark.parametrize("module", MODULES)
def test_a_first_process_of_a_container_is_ended_by_a_signal_during_its_imports(tmp_path: Path, module: str) -> None:
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a PID namespace")
    log = tmp_path / "log"
    with ServiceProcess(module, {}, log, prefix=UNSHARE, command=["-X", "importtime", "-m", module]) as outer:
        until(lambda: _has_imported(log, module), "the package's first lines")
        [inner] = psutil.Process(outer.pid).children()
        inner.send_signal(signal.SIGTERM)
        assert outer.process.wait(LONGEST_SECONDS) == 128 + signal.SIGTERM
    assert b"wrong settings" not in log.read_bytes()


def _times(number: int) -> int:
    return TIMES if number == signal.SIGTERM else max(1, TIMES // 5)


def _post(url: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
    """Raises if it is not accepted: the process listens, and no signal has been sent."""
    requests.post(url, json=body, headers=headers, timeout=LONGEST_SECONDS).raise_for_status()


def _probe(url: str) -> None:
    requests.get(f"{url}/livez", timeout=LONGEST_SECONDS).raise_for_status()


def _has_imported(log: Path, module: str) -> bool:
    """Whether ``-X importtime`` has told of the package itself; ``__main__`` and all that it needs come after it."""
    return any(line.endswith(f" {module}") for line in log.read_text().splitlines())


def _lines(prefork: Prefork, count: Path) -> int:
    """How many lines of ours the main thread runs from the start to the end."""
    with prefork.child("count", count=str(count)) as child:
        until(child.listening, "listening")
        _end(prefork, child, signal.SIGTERM, "when it listened")
    return int(count.read_text())


def _end(prefork: Prefork, child: Child, number: int | None, when: str) -> float:
    """Send the signal, if any; how many seconds the end took."""
    began = time.monotonic()
    if number:
        os.kill(child.pid, number)
    if prefork.wait(child) is None:
        pytest.fail(f"still there {LONGEST_SECONDS:g} s after a signal {when}:\n{child.log.read_text()}")
    return time.monotonic() - began


def _assert_in_order(child: Child, number: int, *, handled: bool) -> None:
    """With code 0, once there is a handler; before, and after the last line, by the interpreter's own way to end."""
    log = child.log.read_text() if child.log.exists() else ""
    interpreters_own = child.code in (-number, 128 + number) or (child.code == 1 and "KeyboardInterrupt" in log)
    early_or_late = not handled or bool(child.events("stopped"))
    assert child.code == 0 or (early_or_late and interpreters_own), f"{child.code}\n{log}"

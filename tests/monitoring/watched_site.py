"""The pipeline with real Prometheus and Alertmanager, shipped rules and routes, the webhook and a stand-in for Slack.

Every time in rules and routes is divided by ``FACTOR``, in Prometheus's flags and the webhook's settings too; nothing
else of them is changed.
"""

import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import requests
from meetup_local_runner.monitoring import alertmanager_config, prometheus_config
from meetup_stream.cursor_body import Checkpoint
from meetup_testkit.emulators.process import EmulatorProcess, free_port
from meetup_testkit.graphql_process import GraphqlProcess
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.slack_plugin import SlackStandIn

from services.gateway.tests.gateway_process import environ_of

from ..operator.cluster import a_test_cluster, a_test_server
from ..operator.operator_process import an_operator
from . import shipped
from .full_disk import Disk, command_on

FACTOR: Final = 60
"""A minute becomes a second: the longest wait of a rule, 15 minutes, still holds 30 scrapes of half a second."""
SCRAPE_SECONDS: Final = 30 / FACTOR
"""The chart's default, divided."""
GRAFANA: Final = "https://grafana.example.com"
RUNBOOKS: Final = "https://git.example.com/meetup-analysis/k8s/monitoring/runbooks.md"
TOKEN: Final = "what-alertmanager-brings"
BACKLOG: Final = 100
"""Records that Meetup keeps of a feed: of the half hour in reality, a sixtieth is 30 s."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RATE: Final = "10"
"""Records a second and feed: as in a local run, and little enough for two cores."""


def divided(count: str, unit: str) -> str:
    """So many of the unit, as a duration of Prometheus's."""
    return f"{1000 * int(count) * _UNITS[unit] // FACTOR}ms"


def shortened_rules(text: str) -> str:
    """A rule file with its waits, its windows, its interval and the limits of silence divided."""
    text = re.sub(
        r"\b(for|interval): (\d+)([smhd])\b", lambda found: f"{found[1]}: {divided(found[2], found[3])}", text
    )
    text = re.sub(r"\[(\d+)([smhd])\]", lambda found: f"[{divided(found[1], found[2])}]", text)
    return re.sub(r"vector\((\d{2,})\)", lambda found: f"vector({int(found[1]) / FACTOR:g})", text)


def shortened_routes(text: str) -> str:
    """Alertmanager's configuration with its times divided."""
    times = r"^(\s*(?:group_wait|group_interval|repeat_interval|resolve_timeout): )(\d+)([smhd])$"
    return re.sub(times, lambda found: found[1] + divided(found[2], found[3]), text, flags=re.MULTILINE)


def in_its_namespace(job: str, config: str) -> str:
    """Prometheus' configuration with that job in a namespace, and so not in that of the feeds, which is none here.

    The feeds of this site run without the operator, as in a local run: that it wants none says nothing of them.
    """
    read = json.loads(config)
    (target,) = [each["static_configs"][0] for each in read["scrape_configs"] if each["job_name"] == job]
    target["labels"] = {"namespace": "operators"}
    return json.dumps(read)


class WatchedSite:
    """Everything, running. ``streams`` are by feed; photos are stored on ``disk``."""

    def __init__(self, folder: Path, slack: SlackStandIn) -> None:
        self._folder = folder
        self._running = ExitStack()
        self._lives = 0
        self.slack = slack
        self.meetup = self._running.enter_context(SimulatorProcess("--rate", _RATE, "--backlog", str(BACKLOG)))
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise

    def _start(self) -> None:
        self.webhook = self._service("meetup_alert_webhook", self._webhook_settings())
        self.enricher = self._service("meetup_enricher", self._enricher_settings())
        self.enricher.wait_ready()
        self.streams = {feed: self.start_stream(feed) for feed in ("rsvps", "event_comments", "photos")}
        self.disk = Disk(self.streams["photos"].pid, self._folder)
        self.living_meetup = self._running.enter_context(GraphqlProcess(self._folder, "--changes-per-hour", "3600"))
        self.gateway = self._service("meetup_gateway", environ_of(self._folder, self.living_meetup))
        self.gateway.wait_ready()
        self.streams["open_events"] = self._living_stream("open_events")
        self.insight = self._service("meetup_insight", self._insight_settings(), ("-m", "meetup_insight", "serve"))
        self.operator_url = self._operator()
        self.alertmanager = self._alertmanager()
        self._prometheus = self._prometheus_process()

    def start_stream(self, feed: str, port: int = 0) -> ServiceProcess:
        """A life of the feed's process; a later one takes the port of the one before."""
        settings = {
            "STREAM_FEED": feed,
            "STREAM_URL": self.meetup.stream_url(feed),
            "STREAM_OBJECTS": f"file://{self._folder}/objects",
            "STREAM_ENRICHER_URL": self.enricher.url,
            "STREAM_READ_TIMEOUT_SECONDS": "4",
            "STREAM_PORT": str(port),
        }
        command = command_on(self._folder, "meetup_stream") if feed == "photos" else None
        return self._service("meetup_stream", settings, command).wait_ready()

    def _living_stream(self, feed: str) -> ServiceProcess:
        """A feed that is read from the gateway."""
        settings = {
            "STREAM_FEED": feed,
            "STREAM_URL": f"{self.gateway.url}/2/{feed}",
            "STREAM_OBJECTS": f"file://{self._folder}/objects",
            "STREAM_PORT": "0",
        }
        return self._service("meetup_stream", settings).wait_ready()

    def outlast_the_backlog(self, feed: str) -> None:
        """Wait until Meetup has forgotten all that it has published of the feed until now."""
        forgotten = len(self.meetup.published(feed)) + BACKLOG
        until(lambda: len(self.meetup.published(feed)) > forgotten, "a backlog of newer records", seconds=120)

    def cursor(self, feed: str) -> int:
        """The stored cursor, in milliseconds; 0 while there is none."""
        stored = self._folder / "objects" / feed / "_cursor"
        return Checkpoint.from_json(stored.read_bytes()).mtime if stored.exists() else 0

    def notify(self, body: bytes, token: str) -> int:
        """Send the webhook a body that Alertmanager would not send; the status of its answer."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = f"{self.webhook.url}/v1/alertmanager"
        return requests.post(url, data=body, headers=headers, timeout=30).status_code

    def ask(self, path: str, **query: str) -> Any:
        """The ``data`` of an answer of Prometheus's API."""
        answer = requests.get(f"{self.prometheus_url}/api/v1/{path}", params=query, timeout=30).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def answers(self) -> bool:
        """Whether Prometheus is ready."""
        return requests.get(f"{self.prometheus_url}/-/ready", timeout=30).ok

    def healthy_targets(self) -> set[str]:
        """The jobs that Prometheus reads."""
        return {series["metric"]["job"] for series in self.ask("query", query="up == 1")["result"]}

    def _webhook_settings(self) -> dict[str, str]:
        settings = {
            "SLACK_TOKEN": self.slack.token,
            "SLACK_API_URL": self.slack.api_url,
            "SLACK_CHANNEL": self.slack.channel,
            "TOKEN": TOKEN,
            "STATE": f"sqlite:///{self._folder}/state.sqlite",
            "SECONDS_PER_MESSAGE": "0",
            "DEDUPLICATION_SECONDS": str(3600 // FACTOR),
            "SILENCE_SECONDS": str(1200 // FACTOR),
            "PING_URL": f"{self.meetup.base_url}/stats",
            "PING_SECONDS": str(300 // FACTOR),
            "PORT": "0",
        }
        return {f"ALERT_WEBHOOK_{name}": value for name, value in settings.items()}

    def _enricher_settings(self) -> dict[str, str]:
        return {
            "ENRICHER_API_URL": self.meetup.base_url,
            "ENRICHER_API_KEY": self.meetup.api_key,
            "ENRICHER_DOCUMENTS": f"sqlite:///{self._folder}/documents.sqlite",
            "ENRICHER_REFUSED_SECONDS": str(300 // FACTOR),
            "ENRICHER_PORT": "0",
        }

    def _insight_settings(self) -> dict[str, str]:
        """A page of all that the streams store."""
        settings = {
            "OBJECTS": f"file://{self._folder}/objects",
            "DOCUMENTS": f"sqlite:///{self._folder}/documents.sqlite",
            "WAREHOUSE": f"duckdb:///{self._folder}/insight.duckdb",
            "HASH_KEY": "a key that has sixteen letters",
            "REBUILD_SECONDS": str(3600 // FACTOR),
            "PORT": "0",
        }
        return {f"INSIGHT_{name}": value for name, value in settings.items()}

    def _operator(self) -> str:
        """An operator with one feed, which is paused: nobody misses its pod."""
        cluster = self._running.enter_context(a_test_cluster(self._running.enter_context(a_test_server())))
        cluster.create_feed("resting", feed="photos")
        cluster.merge("meetupfeeds", "resting", {"spec": {"paused": True}})
        operator = self._running.enter_context(an_operator(cluster, self._folder))
        return f"http://127.0.0.1:{operator.port}"

    def _alertmanager(self) -> EmulatorProcess:
        token = self._written("token", TOKEN)
        routes = shortened_routes((shipped.REPOSITORY / "k8s" / "monitoring" / "alertmanager.yaml").read_text())
        config = self._written(
            "alertmanager.yaml", alertmanager_config(routes, webhook=self.webhook.url, token_file=token)
        )
        port = free_port()
        command = [
            shipped.program("prometheus-alertmanager", "prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={self._folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        return self._running.enter_context(EmulatorProcess(command, port, self._folder / "alertmanager.log"))

    def _prometheus_process(self) -> EmulatorProcess:
        rules = [self._written(f"rules-{f.name}", shortened_rules(f.read_text())) for f in shipped.RULE_FILES]
        config = prometheus_config(
            self._targets(),
            rules,
            alertmanager=f"http://127.0.0.1:{self.alertmanager.port}",
            interval=f"{int(1000 * SCRAPE_SECONDS)}ms",
            labels={"grafana_url": GRAFANA, "runbook_base_url": RUNBOOKS},
        )
        port = free_port()
        self.prometheus_url = f"http://127.0.0.1:{port}"
        command = [
            shipped.program("prometheus", "prometheus"),
            f"--config.file={self._written('prometheus.yaml', in_its_namespace('feed-operator', config))}",
            f"--storage.tsdb.path={self._folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--rules.alert.resend-delay={divided('1', 'm')}",
            f"--query.lookback-delta={divided('5', 'm')}",
        ]
        return self._running.enter_context(EmulatorProcess(command, port, self._folder / "prometheus.log"))

    def _targets(self) -> dict[str, str]:
        streams = {f"stream-{feed}": process.url for feed, process in self.streams.items()}
        others = {"enricher": self.enricher.url, "alert-webhook": self.webhook.url, "feed-operator": self.operator_url}
        return {**streams, **others, "gateway": self.gateway.url, "insight": self.insight.url}

    def _service(
        self, module: str, settings: Mapping[str, str], command: tuple[str, ...] | None = None
    ) -> ServiceProcess:
        self._lives += 1
        log = self._folder / f"{self._lives}-{module}.log"
        return self._running.enter_context(ServiceProcess(module, settings, log, command=command))

    def _written(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()

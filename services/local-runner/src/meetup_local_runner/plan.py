"""Which processes run, and with which arguments and environment: what a pod's manifest would say. Pure.

A process is an entry of ``plan``. Where it needs another one it holds an ``Address``; the order of start and stop
follows from these, so one more process is one more entry.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from meetupkit.feeds import FEEDS, Feed
from pydantic import SecretStr

from meetup_local_runner.monitoring import INTERVAL_SECONDS, Monitoring, alertmanager_config, prometheus_config
from meetup_local_runner.settings import Options

INHERITED: Final = frozenset(
    {
        "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "STORAGE_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST",
        "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG",
    }
)  # fmt: skip
"""What a node gives a pod on this machine: where programs, certificates, proxies and Google's back ends are."""
_LOOPBACK: Final = "127.0.0.1,localhost"

_SLACK_TOKEN: Final = "xoxb-slack-stand-in"  # noqa: S105  (it opens nothing but the stand-in)
_SLACK_CHANNEL: Final = "#meetup-alerts"  # one of those the stand-in has

_LINGER_SECONDS: Final = "2"
"""Who watches the table wants to see profiles at once, and the stand-in's calls cost nothing."""

_CHANGES_PER_HOUR: Final = "3600"
"""One a second in the whole stand-in: brisk enough to watch."""
_FLOOR_SECONDS: Final = "2"
"""How often the gateway looks at it; at the real API it would be a minute."""

SIMULATOR: Final = "simulator"
ENRICHER: Final = "enricher"
GRAPHQL: Final = "graphql-stand-in"
GATEWAY: Final = "gateway"
INSIGHT: Final = "insight"
_REBUILD_SECONDS: Final = "20"
"""How often the page is made anew: who watches wants to see what came meanwhile."""
SLACK: Final = "slack"
ALERT_WEBHOOK: Final = "alert-webhook"
_STAND_INS: Final = (SIMULATOR, GRAPHQL, SLACK)
"""Of Meetup and Slack: Prometheus watches the services."""
PROMETHEUS: Final = "prometheus"
ALERTMANAGER: Final = "alertmanager"


@dataclass(frozen=True, slots=True)
class Address:
    """Where another process listens, with a path behind it; as good as the name of its Service in a cluster."""

    process: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class OwnPort:
    """The port the process took in its first life, so that its address stays when it is restarted; 0 before.

    ``host`` stands before it, with its colon, where a program wants both.
    """

    host: str = ""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file for the process, written at each start, readable for this user alone; its path is what is handed over."""

    path: Path
    needs: frozenset[str]
    render: Callable[[Mapping[str, str]], str]
    """From the addresses of what it needs to its text."""


Value = str | Address | OwnPort | SecretStr | WrittenFile


@dataclass(frozen=True, slots=True)
class Process:
    """One entry of the plan. ``feed`` is set for a stream, ``page`` is what a person looks at,
    ``beside`` are files it reads that no argument names.

    ``command`` is a console script that stands beside the interpreter, or the path of a program.
    """

    name: str
    command: str
    arguments: tuple[Value, ...] = ()
    environ: Mapping[str, Value] = field(default_factory=dict)
    beside: tuple[WrittenFile, ...] = ()
    feed: str | None = None
    ready_path: str = "/readyz"
    page: str = "/metrics"

    @property
    def needs(self) -> frozenset[str]:
        """The processes whose address must be known, and which must be ready, before this one starts."""
        values = (*self.arguments, *self.environ.values())
        addresses = frozenset(value.process for value in values if isinstance(value, Address))
        return addresses.union(*(file.needs for file in self.files))

    @property
    def files(self) -> tuple[WrittenFile, ...]:
        """What must be written before it starts."""
        return (*self.beside, *(value for value in self.arguments if isinstance(value, WrittenFile)))


@dataclass(frozen=True, slots=True)
class Keys:
    """What the processes show each other: the enricher to Meetup's API, a sender of alerts to the alert webhook."""

    api: SecretStr
    alerts: SecretStr


def plan(options: Options, keys: Keys, monitoring: Monitoring | None = None) -> tuple[Process, ...]:
    """Every process of the pipeline, and of its monitoring if there is one."""
    meetup = GATEWAY if options.source == "graphql" else SIMULATOR
    pipeline = (
        *(_todays_meetup(options, keys.api) if meetup == GATEWAY else (_simulator(options, keys.api),)),
        _enricher(options, keys.api, meetup),
        *(_stream(feed, options, meetup) for feed in FEEDS.values()),
        Process(SLACK, "meetup-slack-stand-in", arguments=("--port", OwnPort()), ready_path="/messages", page="/"),
        _alert_webhook(options, keys.alerts, watched=monitoring is not None),
    )
    if options.insight:
        pipeline = (*pipeline, _insight(options))
    if monitoring is None:
        return pipeline
    jobs = [process.name for process in pipeline if process.name not in _STAND_INS]
    return (*pipeline, *_monitoring(monitoring, keys.alerts, jobs))


def _insight(options: Options) -> Process:
    """The page. It is ready when it listens: its first build finds next to nothing, the next ones what came since."""
    kept = _kept_key(options.data / "insight.key")  # read now: writing the file begins by emptying it
    key = WrittenFile(options.data / "insight.key", frozenset(), lambda _: kept)
    return Process(
        INSIGHT,
        "meetup-insight",
        arguments=("serve",),
        environ={
            "INSIGHT_OBJECTS": options.objects,
            "INSIGHT_DOCUMENTS": options.documents,
            "INSIGHT_WAREHOUSE": f"duckdb:///{options.data}/insight.duckdb",
            "INSIGHT_HASH_KEY_FILE": str(key.path),
            "INSIGHT_REBUILD_SECONDS": _REBUILD_SECONDS,
            "INSIGHT_PORT": OwnPort(),
        },
        beside=(key,),
        ready_path="/livez",
        page="/",
    )


def _kept_key(file: Path) -> str:
    """The key of an earlier run: the warehouse beside it belongs to that key."""
    kept = file.read_text().strip() if file.exists() else ""
    return kept or secrets.token_hex(16)


def _monitoring(monitoring: Monitoring, token: SecretStr, jobs: Sequence[str]) -> tuple[Process, ...]:
    token_file = monitoring.folder / "token"

    def prometheus_file(addresses: Mapping[str, str]) -> str:
        targets = {name: addresses[name] for name in jobs}
        return prometheus_config(targets, monitoring.rules, alertmanager=addresses[ALERTMANAGER])

    def alertmanager_file(addresses: Mapping[str, str]) -> str:
        return alertmanager_config(monitoring.routes, webhook=addresses[ALERT_WEBHOOK], token_file=token_file)

    listen = ("--web.listen-address", OwnPort("127.0.0.1:"))
    return (
        Process(
            ALERTMANAGER,
            monitoring.alertmanager,
            arguments=(
                "--config.file",
                WrittenFile(monitoring.folder / "alertmanager.yaml", frozenset({ALERT_WEBHOOK}), alertmanager_file),
                "--storage.path",
                str(monitoring.folder / "alertmanager"),
                "--cluster.listen-address=",
                *listen,
            ),
            beside=(WrittenFile(token_file, frozenset(), lambda _: token.get_secret_value()),),
            ready_path="/-/ready",
            page="/",
        ),
        Process(
            PROMETHEUS,
            monitoring.prometheus,
            arguments=(
                "--config.file",
                WrittenFile(monitoring.folder / "prometheus.yaml", frozenset({ALERTMANAGER, *jobs}), prometheus_file),
                "--storage.tsdb.path",
                str(monitoring.folder / "prometheus"),
                # Its first alerts may come before it knows Alertmanager; it would send them again after a minute only.
                f"--rules.alert.resend-delay={INTERVAL_SECONDS}s",
                *listen,
            ),
            ready_path="/-/ready",
            page="/alerts",
        ),
    )


def _simulator(options: Options, key: SecretStr) -> Process:
    replays = (("--replay", f"{feed}={file}") for feed, file in options.replays)
    profiles = [("--members", str(file)) for file in options.members] + [
        ("--groups", str(file)) for file in options.groups
    ]
    world = ("--world", str(options.data / "world"))
    flags = ("--rate", f"{options.rate:g}", "--seed", str(options.seed), *world, *_flat(replays), *_flat(profiles))
    return Process(
        SIMULATOR,
        "meetup-simulator",
        arguments=("--port", OwnPort(), *flags),
        environ={"SIMULATOR_API_KEY": key},
        ready_path="/stats",
        page="/stats",
    )


def _todays_meetup(options: Options, key: SecretStr) -> tuple[Process, Process]:
    """A stand-in for today's API, and the gateway that makes the old one of it."""
    signing_key = options.data / "meetup-key.pem"
    flags = ("--private-key", str(signing_key), "--seed", str(options.seed), "--changes-per-hour", _CHANGES_PER_HOUR)
    stand_in = Process(
        GRAPHQL,
        "meetup-graphql-stand-in",
        arguments=("--port", OwnPort(), *flags),
        ready_path="/graphql/stats",
        page="/graphql/stats",
    )
    follow = WrittenFile(options.data / "follow.yaml", frozenset(), lambda _: "networks: [simulated-network]\n")
    gateway = Process(
        GATEWAY,
        "meetup-gateway",
        environ={
            "GATEWAY_API_URL": Address(GRAPHQL, "/gql-ext"),
            "GATEWAY_TOKEN_URL": Address(GRAPHQL, "/oauth2/access"),
            "GATEWAY_CLIENT_KEY": "client-key",
            "GATEWAY_MEMBER_ID": "100000007",
            "GATEWAY_SIGNING_KEY_ID": "signing-key",
            "GATEWAY_SIGNING_KEY_FILE": str(signing_key),
            "GATEWAY_FOLLOW": str(follow.path),
            "GATEWAY_STORE": str(options.data / "gateway.sqlite"),
            "GATEWAY_KEY": key,
            "GATEWAY_CONTACT": "make-run",
            "GATEWAY_FLOOR_SECONDS": _FLOOR_SECONDS,
            "GATEWAY_COUNT_SECONDS": _FLOOR_SECONDS,
            "GATEWAY_PHOTOS": "true",
            "GATEWAY_PORT": OwnPort(),
        },
        beside=(follow,),
    )
    return stand_in, gateway


def _enricher(options: Options, key: SecretStr, meetup: str) -> Process:
    return Process(
        ENRICHER,
        "meetup-enricher",
        environ={
            "ENRICHER_API_URL": Address(meetup),
            "ENRICHER_API_KEY": key,
            "ENRICHER_DOCUMENTS": options.documents,
            "ENRICHER_LINGER_SECONDS": _LINGER_SECONDS,
            "ENRICHER_PORT": OwnPort(),
        },
    )


def _stream(feed: Feed, options: Options, meetup: str) -> Process:
    historic = urlsplit(feed.url)
    return Process(
        f"stream-{feed.name}",
        "meetup-stream",
        environ={
            "STREAM_FEED": feed.name,
            "STREAM_URL": Address(meetup, historic.path + (f"?{historic.query}" if historic.query else "")),
            "STREAM_OBJECTS": options.objects,
            "STREAM_LABEL": feed.name,
            "STREAM_ENRICHER_URL": Address(ENRICHER),
            "STREAM_PORT": OwnPort(),
        },
        feed=feed.name,
    )


def _alert_webhook(options: Options, token: SecretStr, *, watched: bool) -> Process:
    unwatched = (
        {} if watched else {"ALERT_WEBHOOK_SILENCE_SECONDS": "0"}
    )  # no Prometheus whose silence would mean anything
    return Process(
        ALERT_WEBHOOK,
        "meetup-alert-webhook",
        environ={
            "ALERT_WEBHOOK_SLACK_TOKEN": SecretStr(_SLACK_TOKEN),
            "ALERT_WEBHOOK_SLACK_API_URL": Address(SLACK, "/api"),
            "ALERT_WEBHOOK_SLACK_CHANNEL": _SLACK_CHANNEL,
            "ALERT_WEBHOOK_TOKEN": token,
            "ALERT_WEBHOOK_STATE": options.documents,
            "ALERT_WEBHOOK_PORT": OwnPort(),
            **unwatched,
        },
    )


def arguments_of(process: Process, addresses: Mapping[str, str], port: int) -> list[str]:
    """The command line, without the command."""
    return [_text(value, addresses, port) for value in process.arguments]


def environment_of(
    process: Process, addresses: Mapping[str, str], port: int, environ: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment: what is inherited of ``environ``, and what the process is told."""
    inherited = {name: value for name, value in environ.items() if name in INHERITED}
    excepted = environ.get("NO_PROXY") or environ.get("no_proxy")
    without_proxy = f"{excepted},{_LOOPBACK}" if excepted else _LOOPBACK
    told = {name: _text(value, addresses, port) for name, value in process.environ.items()}
    return {**inherited, "NO_PROXY": without_proxy, "no_proxy": without_proxy, **told}


def waves_of_stop(processes: Sequence[Process]) -> Iterator[list[Process]]:
    """Who is stopped together: first those that nobody needs, then those that nobody needs any more."""
    left = list(processes)
    while left:
        needed = frozenset[str]().union(*(process.needs for process in left))
        wave = [process for process in left if process.name not in needed]
        if not wave:
            raise ValueError(f"these need each other: {', '.join(process.name for process in left)}")
        yield wave
        left = [process for process in left if process not in wave]


def _text(value: Value, addresses: Mapping[str, str], port: int) -> str:
    match value:
        case Address():
            return addresses[value.process] + value.path
        case OwnPort():
            return f"{value.host}{port}"
        case WrittenFile():
            return str(value.path)
        case SecretStr():
            return value.get_secret_value()
        case _:
            return value


def _flat(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for pair in pairs:
        yield from pair

"""Which channel an alert goes to, by the route file. Matching does no I/O; the file is read once, at the start.

::

    default: "#meetup-alerts"
    routes:                       # from the top; the first that matches is taken
      - severity: [critical, error]
        channel: "#meetup-oncall"
      - labels: {feed: rsvps}     # every label named must have the value, or one of the values
        source: log_export
        channel: "#meetup-rsvps"
    webhooks:                     # incoming webhooks only: the file that holds the URL for each channel
      "#meetup-oncall": /etc/meetup/slack/oncall-url
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Self

from meetupkit.urls import checked_http_url
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from meetup_alert_webhook.model import Alert, Severity, Source

_FILE_BYTES: Final = 256 * 1024
"""A route file is written by hand; anything larger is the wrong file."""
_SECRET_BYTES: Final = 4096


class RoutesError(Exception):
    """One line for each mistake in the route file."""


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Channel = Annotated[str, Field(min_length=1, max_length=80)]
Values = Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1)]


class Route(BaseModel):
    """One row; a condition that is not given holds for every alert."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    channel: Channel
    severity: Annotated[list[Severity], BeforeValidator(_as_list), Field(min_length=1)] | None = None
    source: Source | None = None
    labels: dict[str, Values] = Field(default_factory=dict)

    def matches(self, alert: Alert) -> bool:
        return (
            (self.severity is None or alert.severity in self.severity)
            and (self.source is None or alert.source is self.source)
            and all(alert.labels.get(name) in values for name, values in self.labels.items())
        )


class RouteFile(BaseModel):
    """The file as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    default: Channel
    routes: list[Route] = Field(default_factory=list)
    webhooks: dict[Channel, Path] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Routes:
    """``webhooks`` holds the URL of every channel that has an incoming webhook of its own."""

    default: str
    rows: tuple[Route, ...] = ()
    webhooks: Mapping[str, SecretStr] | None = None

    @classmethod
    def only(cls, channel: str) -> Self:
        """Every alert to one channel."""
        return cls(default=channel)

    def channel_of(self, alert: Alert) -> str:
        """The channel of the first row that matches, or the default."""
        return next((row.channel for row in self.rows if row.matches(alert)), self.default)

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel an alert may go to, each once."""
        return tuple(dict.fromkeys((self.default, *(row.channel for row in self.rows))))


def read_routes(path: Path, *, incoming_webhook: bool) -> Routes:
    """The routes in the file; raises ``RoutesError`` with every mistake.

    With an incoming webhook each channel but the default needs a URL of its own: Slack binds a URL to one channel.
    """
    file = _parse(path)
    mistakes: list[str] = []
    urls = {channel: url for channel, secret in file.webhooks.items() if (url := _url(secret, mistakes))}
    routes = Routes(default=file.default, rows=tuple(file.routes), webhooks=urls)
    mistakes += _strangers(file, routes, incoming_webhook=incoming_webhook)
    if mistakes:
        raise RoutesError(_message(path, mistakes))
    return routes


def _parse(path: Path) -> RouteFile:
    import yaml  # here, because a start without a route file needs none: 15 ms of it

    try:
        with path.open("rb") as file:
            octets = file.read(_FILE_BYTES + 1)
        if len(octets) > _FILE_BYTES:
            raise RoutesError(f"{path} is too large to be a route file")
        return RouteFile.model_validate(yaml.safe_load(octets))  # JSON is YAML, too
    except OSError as error:
        raise RoutesError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise RoutesError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise RoutesError(_message(path, list(_in_words(error)))) from None


def _in_words(error: ValidationError) -> Iterator[str]:
    for mistake in error.errors(include_url=False):
        where = ".".join(str(step) for step in mistake["loc"]) or "the file"
        yield f"{where}: {mistake['msg']}"


def _url(path: Path, mistakes: list[str]) -> SecretStr | None:
    try:
        url = path.read_bytes()[:_SECRET_BYTES].decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        mistakes.append(f"webhooks: {path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}")
        return None
    try:
        return SecretStr(checked_http_url(url))
    except ValueError as error:
        mistakes.append(f"webhooks: {path} does not hold a URL: it {error}")
        return None


def _strangers(file: RouteFile, routes: Routes, *, incoming_webhook: bool) -> Iterator[str]:
    """Channels that no webhook serves, and webhooks that no route uses."""
    for channel in sorted(set(file.webhooks) - set(routes.channels)):
        yield f"webhooks: no route leads to {channel}"
    if incoming_webhook:
        for channel in routes.channels[1:]:
            if channel not in file.webhooks:
                yield f"webhooks: {channel} needs a URL of its own: Slack binds an incoming webhook to one channel"
    elif file.webhooks:
        yield "webhooks: used only with an incoming webhook; a bot token reaches every channel it is invited to"


def _message(path: Path, mistakes: list[str]) -> str:
    return f"{path}:\n" + "\n".join(f"  {mistake}" for mistake in mistakes)

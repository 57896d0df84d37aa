"""What the service is told by its environment."""

from pathlib import Path
from typing import Annotated, Final, Self

from meetupkit.setting_types import HttpUrl, LogLevel, SecretHttpUrl
from meetupkit.settings import Settings
from pydantic import Field, SecretStr, model_validator

from meetup_alert_webhook.slack.sender import RETRY_SECONDS

GOOGLE_CERTIFICATES: Final = "https://www.googleapis.com/oauth2/v1/certs"
"""The certificates that Google signs its OIDC tokens with, as PEM by key id."""


Seconds = Annotated[float, Field(gt=0, le=30 * 86400, allow_inf_nan=False)]


class AlertWebhookSettings(Settings, prefix="ALERT_WEBHOOK_"):
    """Slack is reached by an incoming webhook or by a bot token, never by both."""

    host: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` in a pod.")
    port: int = Field(
        8082, ge=0, le=65535, description="Port of the API and of the operational pages; 0 takes a free one."
    )
    slack_url: SecretHttpUrl | None = Field(None, description="Slack's incoming webhook of the default channel.")
    slack_token: SecretStr | None = Field(
        None,
        description="Bot token (scope `chat:write`); with it a resolve edits and answers the message it belongs to.",
    )
    slack_api_url: HttpUrl = Field("https://slack.com/api", description="Slack's Web API, used with the bot token.")
    slack_channel: str = Field(
        "", description="Default channel (name or id) with the bot token, unless the route file names it."
    )
    routes: Path | None = Field(None, description="Route file (YAML or JSON): which alerts go to which channel.")
    token: SecretStr | None = Field(None, min_length=8, description="Bearer token Alertmanager must bring.")
    basic_user: str = Field("", description="User name, if Alertmanager brings basic auth instead.")
    basic_password: SecretStr | None = Field(None, min_length=8, description="Password of that user.")
    oidc_audience: str = Field(
        "", description="Audience of the token Pub/Sub must bring, as set on the push subscription."
    )
    oidc_email: str = Field("", description="Service account the push subscription signs as.")
    oidc_certificates_url: HttpUrl = Field(
        GOOGLE_CERTIFICATES, description="Where the signer's certificates are published."
    )
    allow_unauthenticated: bool = Field(
        False,
        description="Take alerts from anyone on a path that has no credentials set; for a laptop and emulators only.",
    )
    state: str = Field(
        description="Document store URL: `sqlite:///file` for one machine, `firestore://project` for replicas."
    )
    body_limit_bytes: int = Field(
        2 * 1024 * 1024, ge=1024, le=32 * 1024 * 1024, description="Largest body taken; larger ones get 413."
    )
    body_seconds: Seconds = Field(10, description="A sender that needs longer for its headers or its body is cut off.")
    concurrent_requests: int = Field(
        64, ge=1, le=1024, description="Alerts worked on at once on each path; more are answered 503 at once."
    )
    slack_timeout_seconds: Seconds = Field(5, description="Longest wait for one answer of Slack.")
    seconds_per_message: float = Field(
        1, ge=0, le=3600, description="Rate limit of each channel: least time between two messages."
    )
    direct_wait_seconds: float = Field(
        3, ge=0, le=8, description="An alert that would wait longer for its turn joins a digest instead."
    )
    digest_seconds: Seconds = Field(
        10, description="How long the first digest of a storm collects; each next one twice as long."
    )
    digest_max_seconds: Seconds = Field(60, description="The longest a digest collects before it is sent.")
    deduplication_seconds: Seconds = Field(
        3600, description="Equal content is sent once in this time; keep it below Alertmanager's `repeat_interval`."
    )
    claim_seconds: Seconds = Field(
        60, description="After this a send begun by a replica that died may be taken over by another."
    )
    heartbeat_alert: str = Field(
        "Watchdog", description="Name of the alert that always fires, and so shows that monitoring works."
    )
    heartbeat_seconds: Seconds = Field(
        6 * 3600, description="How often the heartbeat is relayed to Slack as a quiet message."
    )
    silence_seconds: float = Field(
        1200,
        ge=0,
        le=7 * 86400,
        description="Without a heartbeat for this long, monitoring is reported silent; 0 turns the watch off.",
    )
    ping_url: SecretHttpUrl | None = Field(
        None, description="URL of an outside watchdog, called only while the whole path works, Slack included."
    )
    ping_seconds: Seconds = Field(300, description="How often the outside watchdog is called.")
    log_level: LogLevel = Field("INFO", description="Least severity that is logged.")

    @model_validator(mode="after")
    def _one_way_to_slack(self) -> Self:
        if (self.slack_url is None) == (self.slack_token is None):
            raise ValueError("set ALERT_WEBHOOK_SLACK_URL or ALERT_WEBHOOK_SLACK_TOKEN, one of the two")
        if self.slack_token and not (self.slack_channel or self.routes):
            raise ValueError("ALERT_WEBHOOK_SLACK_TOKEN needs ALERT_WEBHOOK_SLACK_CHANNEL or ALERT_WEBHOOK_ROUTES")
        return self

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        if bool(self.basic_user) != (self.basic_password is not None):
            raise ValueError("ALERT_WEBHOOK_BASIC_USER and ALERT_WEBHOOK_BASIC_PASSWORD belong together")
        if bool(self.oidc_audience) != bool(self.oidc_email):
            raise ValueError("ALERT_WEBHOOK_OIDC_AUDIENCE and ALERT_WEBHOOK_OIDC_EMAIL belong together")
        if not (self.token or self.basic_user or self.oidc_audience or self.allow_unauthenticated):
            raise ValueError(
                "no sender of alerts has credentials: set ALERT_WEBHOOK_TOKEN, ALERT_WEBHOOK_BASIC_USER or"
                " ALERT_WEBHOOK_OIDC_AUDIENCE"
            )
        return self

    @model_validator(mode="after")
    def _digest_times(self) -> Self:
        if self.digest_max_seconds < self.digest_seconds:
            raise ValueError("ALERT_WEBHOOK_DIGEST_MAX_SECONDS must be at least ALERT_WEBHOOK_DIGEST_SECONDS")
        return self

    @model_validator(mode="after")
    def _claims_outlast_a_send(self) -> Self:
        if self.claim_seconds <= self.send_seconds:
            raise ValueError(
                "ALERT_WEBHOOK_CLAIM_SECONDS must be longer than a send may take, which is"
                f" {self.send_seconds:g} s: ALERT_WEBHOOK_DIRECT_WAIT_SECONDS and {self._calls_a_send} x"
                f" ({RETRY_SECONDS:g} s of tries and ALERT_WEBHOOK_SLACK_TIMEOUT_SECONDS)"
            )
        return self

    @property
    def send_seconds(self) -> float:
        """How long an alert may take to Slack: its turn, then each call's tries and the time-out of the last one.

        Were its claim over by then, another replica would send it too.
        """
        return self.direct_wait_seconds + self._calls_a_send * (RETRY_SECONDS + self.slack_timeout_seconds)

    @property
    def _calls_a_send(self) -> int:
        """With a bot token a resolve edits its message and answers it."""
        return 2 if self.slack_token else 1

    @property
    def default_channel(self) -> str:
        """The channel without a route file; an incoming webhook has only the one it is bound to."""
        return self.slack_channel or "default"

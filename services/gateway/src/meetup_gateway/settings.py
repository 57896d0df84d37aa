"""What the gateway is told by its environment."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from meetupkit.setting_types import HttpUrl, LogLevel
from meetupkit.settings import Settings
from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from meetup_gateway.privacy.people import Members
from meetup_gateway.source.private_key import read_private_key

_DAY = 86_400


class Vanished(StrEnum):
    """What becomes of an RSVP that is not shown any more."""

    LEDGER = "ledger"
    NO = "no"


def _private_key(key: SecretStr) -> SecretStr:
    if key.get_secret_value():
        read_private_key(key.get_secret_value())
    return key


def _sendable(text: SecretStr) -> SecretStr:
    if text.get_secret_value() and not text.get_secret_value().isprintable():
        raise ValueError("must be one line of text")
    return text


Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{0,128}$")]
Secret = Annotated[SecretStr, AfterValidator(_sendable)]


class GatewaySettings(Settings, prefix="GATEWAY_"):
    """Read once at start; the order is that of the README's table."""

    follow: str = Field(description="The file that says what is followed (YAML; see below).")
    store: str = Field(description="The file of the gateway's own database, on a disk of its own: `/data/gateway.db`.")
    key: Secret = Field(description="The shared key that the enricher calls with (its `ENRICHER_API_KEY`).")
    contact: str = Field(
        pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?$",
        description="Who runs this, sent in `User-Agent`: an address or a page, such as `mailto:me@example.org`.",
    )
    api_url: HttpUrl = Field("https://api.meetup.com/gql-ext", description="The GraphQL endpoint.")
    token_url: HttpUrl = Field("https://secure.meetup.com/oauth2/access", description="The token endpoint.")
    client_key: Word = Field("", description="The OAuth client's key.")
    member_id: Word = Field("", description="JWT flow: the id of the member who owns the client.")
    signing_key_id: Word = Field("", description="JWT flow: the signing key's id.")
    signing_key: Annotated[SecretStr, AfterValidator(_private_key)] = Field(
        SecretStr(""), description="JWT flow: the signing key, a private RSA key in PEM."
    )
    client_secret: Secret = Field(SecretStr(""), description="Refresh flow: the client's secret.")
    refresh_token: Secret = Field(
        SecretStr(""),
        description="Refresh flow: the first refresh token; later ones are kept in the database. Another begins anew.",
    )
    points_per_minute: int = Field(
        500, ge=10, le=100_000, description="The budget that Meetup gives; a fifth of it is never spent."
    )
    points_per_root_field: float = Field(
        5, gt=0, le=1000, description="The first guess of what a root field costs; it is learnt from refusals."
    )
    floor_seconds: float = Field(60, ge=1, le=86_400, description="No group or network is swept more often.")
    discovery_seconds: float = Field(
        43_200, ge=60, le=7 * _DAY, description="How often networks, places and topics are searched for groups."
    )
    count_seconds: float = Field(
        600, ge=0, le=_DAY, description="An event of which only the number of answers moved is sent at most so often."
    )
    backfill_days: int = Field(
        0, ge=0, le=3650, description="How far back the RSVPs of past events are read, with points that are left."
    )
    photos: bool = Field(False, description="Send featured photos of events on the photos feed.")
    waitlist: bool = Field(False, description="Send answers `waitlist`, which the old feed was never seen to hold.")
    vanished_rsvps: Vanished = Field(
        Vanished.LEDGER,
        description="An RSVP that is not shown any more: `ledger` keeps it counted, `no` sends it as a no.",
    )
    members: Members = Field(
        Members.FULL,
        description="What downstream may know of members: `full`, `pseudonymous` (a keyed hash for an id, no names "
        "and photos) or `none`.",
    )
    pseudonym_key: Secret = Field(
        SecretStr(""), description="The key of the pseudonyms; empty: one that is made and kept in the database."
    )
    member_days: float = Field(
        30, gt=0, le=3650, description="After how many days without a sign of a member the profile is purged."
    )
    log_days: float = Field(7, gt=0, le=365, description="How long the log that streams resume from is kept.")
    profile_seconds: float = Field(
        7 * _DAY, ge=60, le=365 * _DAY, description="Age at which the profile of a followed group is read again."
    )
    heartbeat_seconds: float = Field(
        20, gt=0, le=50, description="A bare newline is sent on a stream that was silent for so long."
    )
    ical: bool = Field(False, description="Read the calendars that the follow file lists; off unless you decide so.")
    ical_url: HttpUrl = Field("https://www.meetup.com", description="Where calendars are read.")
    call_seconds: float = Field(30, gt=0, le=300, description="After how long an unfinished call is given up.")
    connections: int = Field(64, ge=1, le=1000, description="Connections served at once.")
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8086, ge=0, le=65_535, description="The port of the protocol and of the operations pages.")
    log_level: LogLevel = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")

    @model_validator(mode="after")
    def _one_flow(self) -> Self:
        jwt, refresh = self._given("signing_key"), self._given("refresh_token")
        if jwt and refresh:
            raise ValueError("GATEWAY_SIGNING_KEY and GATEWAY_REFRESH_TOKEN: set one of the two")
        needed = ("client_key", "member_id", "signing_key_id") if jwt else ("client_key", "client_secret")
        missing = [self.variable(name) for name in needed if (jwt or refresh) and not self._given(name)]
        if missing:
            raise ValueError(f"{', '.join(missing)}: required beside the key or the token")
        if not self._given("key"):
            raise ValueError("GATEWAY_KEY: must be one line of text")
        return self

    @property
    def path(self) -> Path:
        """The database's file."""
        return Path(self.store)

    @property
    def has_credentials(self) -> bool:
        """Whether the API can be asked at all."""
        return self._given("signing_key") or self._given("refresh_token")

    def _given(self, name: str) -> bool:
        value = getattr(self, name)
        return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)

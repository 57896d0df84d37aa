"""What the enricher is told by its environment."""

from typing import Annotated, Final, Self

from meetupkit.setting_types import HttpUrl, LogLevel
from meetupkit.settings import Settings
from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator


def _origin(url: str) -> str:
    """An address to which ``/2/members`` can be appended; the key is a setting of its own and never a part of it."""
    if "?" in url:
        raise ValueError("must have no query")
    return url.rstrip("/")


def _sendable(key: SecretStr) -> SecretStr:
    if not key.get_secret_value().isprintable() or not key.get_secret_value().strip():
        raise ValueError("must be one line of text")
    return key


# 90 of the 100 letters a collection's name may have: "_missing" is appended.
Collection = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,89}$")]
Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,32}$")]
LINGER_SECONDS: Final = 15.0
"""Time costs only freshness here: ids are durable when they wait, and nobody waits for their profiles. A full batch of
200 leaves at once; rsvps at 50/s name 50 new members and 16 new groups a second, which fill it in 4 and in 13 s. At
the recorded 1.3/s it makes 8 calls per minute, where Meetup was seen to allow 180."""
Seconds = Annotated[float, Field(gt=0, le=366 * 86_400, allow_inf_nan=False)]


class EnricherSettings(Settings, prefix="ENRICHER_"):
    """Read once at start; the order is that of the README's table."""

    api_url: Annotated[HttpUrl, AfterValidator(_origin)] = Field(
        default="https://api.meetup.com",
        description="Where the REST API v2 is; `/2/members` and `/2/groups` are appended.",
    )
    api_key: Annotated[SecretStr, AfterValidator(_sendable)] = Field(description="The key that each call is sent with.")
    documents: str = Field(
        description="The document store: `sqlite:///file` (`sqlite:////file` if absolute) or `firestore://project`."
    )
    members_collection: Collection = Field(
        default="members", description="Collection of member profiles; `_queue` and `_missing` are named after it."
    )
    groups_collection: Collection = Field(
        default="groups", description="Collection of group profiles; `_queue` and `_missing` are named after it."
    )
    members_prefix: Prefix = Field(default="m", description="What precedes the id in the names of member documents.")
    groups_prefix: Prefix = Field(default="m", description="What precedes the id in the names of group documents.")
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(
        default=8081, ge=0, le=65_535, description="The port for the API and the operations pages; 0 takes a free one."
    )
    token: Annotated[SecretStr, AfterValidator(_sendable)] | None = Field(
        default=None,
        min_length=8,
        description="Bearer token that requests to `/v1/` must bring; empty: anybody on the network may ask.",
    )
    fresh_seconds: Seconds = Field(
        default=604_800, description="Age up to which a stored profile is not asked for again."
    )
    missing_seconds: Seconds = Field(
        default=86_400, description="How long an id that Meetup does not know is remembered as missing."
    )
    linger_seconds: float = Field(
        default=LINGER_SECONDS,
        ge=0,
        le=600,
        description="How long the oldest waiting id waits for a batch of 200 to fill.",
    )
    lease_seconds: Seconds = Field(
        default=60, description="After how long ids taken by a worker that died are taken by another."
    )
    call_seconds: Seconds = Field(default=20, description="After how long an unfinished API call is given up.")
    breaker_failures: int = Field(
        default=5, ge=1, le=1_000, description="Failed calls in a row after which the API is left alone for a while."
    )
    breaker_seconds: Seconds = Field(
        default=30, description="The longest time the failing API is left alone before it is tried again."
    )
    refused_seconds: Seconds = Field(
        default=300, description="How long the API is left alone after it refused the key or the address."
    )
    log_level: LogLevel = Field(
        default="INFO", description="The least severe log lines to write: `DEBUG`, `INFO`, `WARNING` or `ERROR`."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.members_collection == self.groups_collection:
            raise ValueError("ENRICHER_MEMBERS_COLLECTION and ENRICHER_GROUPS_COLLECTION must differ")
        if self.lease_seconds <= self.call_seconds:
            raise ValueError("ENRICHER_LEASE_SECONDS must be longer than ENRICHER_CALL_SECONDS")
        return self

"""The settings of one stream container, and the row of the feed table they make."""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Self

from meetupkit.feeds import CUSTOM_READ_TIMEOUT, FEEDS, Feed, IdType, Path, path_of
from meetupkit.setting_types import LogLevel, OptionalHttpUrl
from meetupkit.settings import Settings
from pydantic import AfterValidator, Field, SecretStr, model_validator


class Layout(StrEnum):
    """How records lie in the object store."""

    RECORDS = "records"
    BATCH = "batch"


def _sendable(token: SecretStr) -> SecretStr:
    value = token.get_secret_value()
    if not (value.isascii() and value.isprintable()):
        raise ValueError("must be printable ASCII, as a header is")
    return token


class StreamSettings(Settings, prefix="STREAM_"):
    """``STREAM_...``; the README's table is generated from these fields."""

    feed: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}$",
        description=f"The feed: {', '.join(FEEDS)}, or another name with the `..._PATH` settings of its row.",
    )
    url: OptionalHttpUrl = Field("", description="Where the stream is; empty: the feed's historic address.")
    objects: str = Field(description="The object store: `file:///dir` or `gs://bucket[/prefix]`.")
    label: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]{0,62})?$",
        description="What the names of the feed's objects start with; empty: the feed's name.",
    )
    layout: Layout = Field(
        Layout.RECORDS, description="`records`: one object per record; `batch`: gzip NDJSON segments by the hour."
    )
    segment_seconds: float = Field(
        60, ge=1, le=3600, description="Layout `batch`: how long a record may wait for others before it is stored."
    )
    enricher_url: OptionalHttpUrl = Field(
        "", description="The enricher that is told member and group ids; empty: none is."
    )
    enricher_token: Annotated[SecretStr, AfterValidator(_sendable)] = Field(
        SecretStr(""), description="Bearer token that the enricher asks for; empty: it asks for none."
    )
    host: str = Field("127.0.0.1", description="Address that `/metrics`, `/livez` and `/readyz` listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Their port; 0 takes a free one and logs it.")
    read_timeout_seconds: float | None = Field(
        None,
        gt=0,
        le=86_400,
        description="Silence after which the connection counts as dead; empty: the feed table's.",
    )
    overlap_seconds: float = Field(
        315_360_000,  # ten years: recorded mtimes run back by up to 4.3; the server's backlog is bounded all the same
        ge=0,
        description="How far behind the cursor a reconnect asks again; the default asks for all the server still has.",
    )
    id_path: str = Field("", description="Custom feed: where the id is, dotted (`rsvp_id`).")
    id_type: IdType = Field(IdType.INTEGER, description="Custom feed: `integer` or `text`.")
    mtime_path: str = Field("mtime", description="Custom feed: where the time of change in milliseconds is.")
    member_paths: str = Field("", description="Custom feed: where member ids are, dotted, separated by commas.")
    group_paths: str = Field("", description="Custom feed: where group ids are, dotted, separated by commas.")
    log_level: LogLevel = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")

    @model_validator(mode="after")
    def _known_or_whole(self) -> Self:
        if self.feed not in FEEDS and not (self.id_path and self.url):
            known = ", ".join(FEEDS)
            raise ValueError(
                f"STREAM_FEED={self.feed} is not one of {known}: then STREAM_URL and STREAM_ID_PATH are due"
            )
        return self

    def row(self) -> Feed:
        """The feed table's row, with what the settings say otherwise."""
        known = FEEDS.get(self.feed)
        timeout = self.read_timeout_seconds or (known.read_timeout if known else CUSTOM_READ_TIMEOUT)
        if known:
            return replace(known, url=self.url or known.url, read_timeout=timeout)
        return Feed(
            name=self.feed,
            url=self.url,
            id_path=path_of(self.id_path),
            id_type=self.id_type,
            mtime_path=path_of(self.mtime_path),
            member_paths=_paths(self.member_paths),
            group_paths=_paths(self.group_paths),
            read_timeout=timeout,
        )


def _paths(dotted: str) -> tuple[Path, ...]:
    return tuple(path_of(each) for each in dotted.split(",") if each.strip())

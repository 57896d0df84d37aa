"""The settings, from the environment alone."""

from pathlib import Path
from typing import Annotated, Self

from meetupkit.feeds import FEEDS
from meetupkit.setting_types import LogLevel
from meetupkit.settings import Settings
from pydantic import Field, SecretStr, field_validator, model_validator

from meetup_insight.loading.hashing import LEAST_KEY_LETTERS
from meetup_insight.warehouse.addresses import FORMS, dataset_of, is_warehouse


class InsightSettings(Settings, prefix="INSIGHT_"):
    """Of every command that needs a warehouse."""

    objects: str = Field(description="The object store that streams write: `file:///dir` or `gs://bucket[/prefix]`.")
    documents: str = Field(
        "",
        description="The enricher's document store: `sqlite:///file` or `firestore://project`; empty: none.",
    )
    warehouse: str = Field(
        "duckdb:///insight.duckdb", description="Where tables lie: `duckdb:///file` or `bigquery://project/dataset`."
    )
    hash_key: SecretStr = Field(
        description=f"The key of members' hashes, at least {LEAST_KEY_LETTERS} letters; another key, another warehouse."
    )
    published: str = Field(
        "",
        description="Folder of what is published; empty: beside DuckDB's file, with `.published`.",
    )
    forgotten: str = Field(
        "",
        description="File of the hashes of members to be forgotten; empty: beside DuckDB's file, with `.forgotten`.",
    )
    labels: str = Field(
        "", description="Feeds whose objects lie below another name than the feed's: `rsvps=us-rsvps,photos=pictures`."
    )
    rebuild_seconds: Annotated[float, Field(gt=0)] = Field(
        3600, description="`serve`: how long after the end of one build the next begins."
    )
    learn_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="Models of interests are learned anew when more than this share of records is new; 0: any is."
    )
    memory: str = Field("1GB", pattern=r"^[1-9]\d*(MB|GB)$", description="What DuckDB may use of memory.")
    threads: Annotated[int, Field(ge=1, le=64)] = Field(2, description="How many threads DuckDB may use.")
    host: str = Field("127.0.0.1", description="Address that the page, `/metrics`, `/livez` and `/readyz` listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8080, description="Their port; 0 takes a free one and logs it.")
    log_level: LogLevel = Field("INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")

    @field_validator("hash_key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) < LEAST_KEY_LETTERS:
            raise ValueError(f"at least {LEAST_KEY_LETTERS} letters are due: member ids are small numbers")
        return key

    @field_validator("warehouse")
    @classmethod
    def _known_warehouse(cls, url: str) -> str:
        if not is_warehouse(url):
            raise ValueError(f"write {FORMS}")
        return url

    @model_validator(mode="after")
    def _known_labels(self) -> Self:
        unknown = [feed for feed in self.label_of if feed not in FEEDS]
        if unknown:
            raise ValueError(f"INSIGHT_LABELS: {', '.join(unknown)}: no such feed")
        return self

    @property
    def label_of(self) -> dict[str, str]:
        """By feed, where its objects lie if not below its own name."""
        pairs = (pair.partition("=") for pair in self.labels.split(",") if pair.strip())
        return {feed.strip(): label.strip() for feed, _, label in pairs}

    @property
    def warehouse_file(self) -> Path:
        """DuckDB's file; for a dataset, a name in the working directory."""
        named = dataset_of(self.warehouse)
        return Path(named[1] if named else self.warehouse.removeprefix("duckdb:///"))

    @property
    def published_folder(self) -> Path:
        """What is published."""
        return Path(self.published) if self.published else self.warehouse_file.with_suffix(".published")

    @property
    def forgotten_file(self) -> Path:
        """Who is to be forgotten."""
        return Path(self.forgotten) if self.forgotten else self.warehouse_file.with_suffix(".forgotten")

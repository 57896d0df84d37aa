"""A MeetupFeed as the API server holds it, read into a typed value. No I/O.

The API server has checked the object against the CRD (``charts/meetup-analysis/crds/meetupfeeds.yaml``). It is read
strictly all the same: an object may be older than the CRD's rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

from meetupkit.errors import PermanentError
from meetupkit.feeds import CUSTOM_READ_TIMEOUT, FEEDS, Feed, IdType, path_of
from meetupkit.foreign_text import printable
from meetupkit.setting_types import HttpUrl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from meetup_feed_operator.resources.allowed import is_bucket
from meetup_feed_operator.resources.quantities import Cpu, Memory

GROUP: Final = "meetup-analysis.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "MeetupFeed"
PLURAL: Final = "meetupfeeds"
_MISTAKES_CHARS: Final = 1000
"""As much as a condition's message holds."""

FeedKey = tuple[str, str]
"""Namespace and name of a MeetupFeed."""
Manifest = dict[str, Any]
"""A Kubernetes object as JSON."""


class InvalidFeed(PermanentError):
    """The MeetupFeed cannot be carried out as it is written."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


_Dotted = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}(\.[A-Za-z0-9_]{1,64}){0,7}$")]


class Row(_Part):
    """A stream that the feed table does not know; paths are dotted: ``member.member_id``."""

    id_field: _Dotted
    id_type: IdType = IdType.INTEGER
    time_field: _Dotted
    member_id_fields: tuple[_Dotted, ...] = ()
    group_id_fields: tuple[_Dotted, ...] = ()


class Amounts(_Part):
    """CPU and memory."""

    cpu: Cpu | None = None
    memory: Memory | None = None


class Resources(_Part):
    """Requests and limits of the stream container, as in a pod."""

    requests: Amounts = Amounts()
    limits: Amounts = Amounts()


def _is_bucket(text: str) -> str:
    if not is_bucket(text):
        raise ValueError("must be bucket[/prefix], without . or .. as a part of it")
    return text


class FeedSpec(_Part):
    """``spec`` of a MeetupFeed; the CRD describes each field."""

    feed: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    row: Row | None = None
    url: HttpUrl | None = None
    label: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    bucket: Annotated[str, AfterValidator(_is_bucket)] | None = None
    layout: Literal["records", "batch"] = "records"
    enrichment: bool = True
    paused: bool = False
    read_timeout_seconds: int | None = Field(default=None, ge=5, le=86400)
    resources: Resources = Resources()


@dataclass(frozen=True, slots=True)
class MeetupFeed:
    """One MeetupFeed: who it is and what it asks for."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: str
    spec: FeedSpec

    @property
    def key(self) -> FeedKey:
        return self.namespace, self.name

    @property
    def label(self) -> str:
        """The prefix of the feed's objects."""
        return self.spec.label or self.spec.feed

    @property
    def row(self) -> Feed:
        """The row its stream is read by: the feed table's with the feed's own URL and timeout, or its own."""
        spec = self.spec
        known = FEEDS.get(spec.feed)
        if spec.row is None:
            if known is None:
                raise InvalidFeed(f"feed {spec.feed} is not in the feed table and has no row of its own")
            timeout = spec.read_timeout_seconds or known.read_timeout
            return replace(known, url=spec.url or known.url, read_timeout=timeout)
        if known:
            raise InvalidFeed(f"feed {spec.feed} has its row in the feed table; a custom row needs a name of its own")
        if spec.url is None:
            raise InvalidFeed("a custom row needs a url")
        return Feed(
            name=spec.feed,
            url=spec.url,
            id_path=path_of(spec.row.id_field),
            id_type=spec.row.id_type,
            mtime_path=path_of(spec.row.time_field),
            member_paths=tuple(map(path_of, spec.row.member_id_fields)),
            group_paths=tuple(map(path_of, spec.row.group_id_fields)),
            read_timeout=spec.read_timeout_seconds or CUSTOM_READ_TIMEOUT,
        )


def read_feed(body: Mapping[str, Any]) -> MeetupFeed:
    """The object as a value; raises ``InvalidFeed`` with every mistake in its spec."""
    meta = body["metadata"]
    try:
        spec = FeedSpec.model_validate(body.get("spec", {}))
    except ValidationError as error:
        mistakes = (f"spec.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
        raise InvalidFeed(printable("; ".join(mistakes), _MISTAKES_CHARS)) from None
    return MeetupFeed(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        created=meta.get("creationTimestamp", ""),
        spec=spec,
    )


def key_of(body: Mapping[str, Any]) -> FeedKey:
    """Namespace and name of any namespaced object."""
    meta = body["metadata"]
    return meta["namespace"], meta["name"]

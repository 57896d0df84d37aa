"""The bodies of the HTTP API, for its answers and its OpenAPI description."""

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from meetup_enricher.http.body import CLIENT, CLIENT_PATTERN, MAX_IDS
from meetup_enricher.kinds import KINDS, MAX_ID

_IDS: Final = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": MAX_ID}, "maxItems": MAX_IDS}
_CLIENT: Final = {
    "type": "string",
    "pattern": CLIENT_PATTERN,
    "default": "",
    "description": "Who asks, such as the name of a feed. Look-ups are shared fairly among clients.",
}

REQUEST_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": f"Ids of members and groups, together at most {MAX_IDS}; repeated ids count once.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {**{kind.name: _IDS for kind in KINDS}, CLIENT: _CLIENT},
                    "anyOf": [{"required": [kind.name]} for kind in KINDS],
                    "additionalProperties": False,
                }
            }
        },
    }
}


class Problem(BaseModel):
    """Why the request was not accepted."""

    detail: list[str] = Field(description="One sentence for each mistake.")


class Counts(BaseModel):
    """How many of the distinct ids are in which state."""

    queued: int = Field(description="Queued now, durably.")
    already_queued: int = Field(description="Were in the queue already.")
    fresh: int = Field(description="Have a profile that is young enough.")
    missing: int = Field(description="Known to have no profile at Meetup, looked up not long ago.")


class Enrichment(BaseModel):
    """What became of the ids of one request."""

    members: Counts
    groups: Counts


class Profile(BaseModel):
    """A stored profile."""

    status: Literal["stored"] = "stored"
    id: int
    fetched_at: int = Field(description="When it was looked up, in milliseconds since the epoch.")
    fresh: bool = Field(description="Whether it is too young to be looked up again.")
    queued: bool = Field(description="Whether it is about to be looked up again.")
    profile: dict[str, Any] = Field(description="As Meetup answered it.")


class Queued(BaseModel):
    """The id waits for its look-up."""

    status: Literal["queued"] = "queued"
    id: int
    enqueued_at: int = Field(description="Since when it waits, in milliseconds since the epoch.")
    attempts: int = Field(description="How often a worker has taken it.")


class NotFound(BaseModel):
    """There is no profile: nobody asked for it (unknown), or Meetup has none (missing)."""

    status: Literal["unknown", "missing"]
    id: int
    reason: str | None = Field(default=None, description="Why it is missing: absent, refused or unstorable.")
    missing_at: int | None = Field(default=None, description="When it was looked up, in milliseconds since the epoch.")
    expires_at: int | None = Field(default=None, description="From when it is looked up again if asked for.")


class Backlog(BaseModel):
    """What waits."""

    depth: int
    oldest_seconds: float = Field(description="Age of the oldest waiting id, 0 if none waits.")


class QueueState(BaseModel):
    """The queues of both kinds."""

    members: Backlog
    groups: Backlog

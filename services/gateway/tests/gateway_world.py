"""A gateway over a simulated Meetup in one process, with one clock for both: days pass in seconds."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from meetup_gateway.follow import Follow, FollowedGroup
from meetup_gateway.metrics import Metrics
from meetup_gateway.polling.context import Context, Options
from meetup_gateway.polling.poller import Poller
from meetup_gateway.privacy.people import Members, People
from meetup_gateway.source.api import Api
from meetup_gateway.source.budget import Budget, Price
from meetup_gateway.source.credentials import Credentials, SigningKey
from meetup_gateway.source.watch import ApiWatch
from meetup_gateway.storage.database import open_database
from meetup_gateway.storage.erasure import is_suppressed
from meetup_gateway.storage.lease import Lease
from meetup_gateway.storage.log import Log
from meetup_gateway.storage.meta import Meta
from meetup_gateway.storage.session import RefreshTokens
from meetup_gateway.storage.state import State
from meetup_simulator.graphql_api.api import GRAPHQL_PATH, TOKEN_PATH, GraphqlApi
from meetup_simulator.graphql_api.clock import WorldClock
from meetup_simulator.graphql_api.dials import Dials
from meetup_simulator.graphql_api.keys import new_private_key, public_key_of
from meetup_simulator.graphql_api.living_world import LivingWorld, Size
from meetup_simulator.graphql_api.tokens import Client, Tokens
from meetupkit.http.client import Answer, NoAnswer
from requests.structures import CaseInsensitiveDict

EPOCH = 1_790_000_000_000
IDLE_SECONDS = 25.0
"""Within the lease, which is renewed in between. In a simulated week nearly every step finds nothing to do."""
PRIVATE_KEY = new_private_key()
PUBLIC_KEY = public_key_of(PRIVATE_KEY)


class Meetup:
    """The simulated API, reached without a socket; each exchange takes ``latency`` seconds of world time."""

    def __init__(self, seed: int = 1, size: Size | None = None, *, latency: float = 0.2, **dials: Any) -> None:
        self.seconds = 0.0
        self.latency = latency
        self.world = LivingWorld(seed, EPOCH, size or Size())
        clock = WorldClock(EPOCH, 1.0, lambda: self.seconds)
        self.api = GraphqlApi(self.world, clock, Tokens(Client(public_key=PUBLIC_KEY)), dials=Dials(**dials))
        self.sent: list[dict[str, Any]] = []

    def now(self) -> float:
        return EPOCH / 1000 + self.seconds

    def __call__(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] | None = None,
    ) -> Answer:
        assert method == "POST"
        self.seconds += self.latency
        path = TOKEN_PATH if url.endswith(TOKEN_PATH) else GRAPHQL_PATH
        body = data if isinstance(data, bytes) else _form(data or {})
        if path == GRAPHQL_PATH:
            self.sent.append(json.loads(body))
        reply = self.api.answer(path, {name.lower(): value for name, value in (headers or {}).items()} | AGENT, body)
        if reply.broken or len(reply.body) > max_bytes:
            raise NoAnswer("no answer (ConnectionResetError)")
        return Answer(reply.status, "", CaseInsensitiveDict(reply.headers), reply.body)


AGENT = {"user-agent": "meetup-analysis/test"}


def _form(values: Mapping[str, str]) -> bytes:
    return urlencode(values).encode()


@dataclass
class Gateway:
    """Its parts over one file, as ``__main__`` puts them together; ``wait`` lets it poll for so long."""

    meetup: Meetup
    path: Path
    follow: Follow
    owner: str = "one"
    options: Options = field(default_factory=Options)
    members: Members = Members.FULL
    price: Price = field(default_factory=lambda: Price(0, 5))
    points: int = 500

    def __post_init__(self) -> None:
        self.file = open_database(self.path)
        self.meta = Meta(self.file)
        self.metrics = Metrics()
        self.people = People(self.members, self.meta.key(), lambda hashed: is_suppressed(self.file, hashed))
        self.lease = Lease(self.file, self.owner)
        self.state = State(self.file, self.people, self.lease)
        self.log = Log(self.file)
        self.budget = Budget(self.meta.budget(self.price), points=self.points)
        self.watch = ApiWatch(self.metrics, removed=self.meta.removed_fields(), keep_removed=self.meta.keep_removed)
        self.credentials = Credentials(
            SigningKey("client-key", "100000007", "signing-key", PRIVATE_KEY),
            url=TOKEN_PATH,
            exchange=self.meetup,
            tokens=RefreshTokens(self.meta),
            now=self.meetup.now,
        )
        self.api = Api(
            url=GRAPHQL_PATH,
            exchange=self.meetup,
            credentials=self.credentials,
            budget=self.budget,
            watch=self.watch,
            now=self.meetup.now,
            seconds=30,
        )
        self.context = Context(
            self.api,
            self.watch,
            self.state,
            self.meta,
            self.metrics,
            replace(self.options, idle_seconds=IDLE_SECONDS),
            self.meetup.now,
            lambda: None,
        )
        self.poller = Poller(self.context, self.follow, self.lease, self.budget)

    def wait(self, seconds: float) -> None:
        until = self.meetup.seconds + seconds
        while self.meetup.seconds < until:
            self.meetup.seconds += max(0.01, min(self.poller.step(), until - self.meetup.seconds))

    def close(self) -> None:
        self.file.close()

    def emitted(self, feed: str) -> dict[str, list[dict[str, Any]]]:
        """Every record of the log, by id, in order."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        key = {"rsvps": "rsvp_id", "open_events": "id", "open_venues": "id", "photos": "photo_id"}[feed]
        after = 0
        while lines := self.log.after(feed, after):
            for line in lines:
                record = json.loads(line.body)
                found[str(record[key])].append(record)
            after = lines[-1].seq
        return found

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"meetup_gateway_{name}", labels) or 0.0


def follow_all(meetup: Meetup) -> Follow:
    """Every group of the world, by its name."""
    groups = tuple(FollowedGroup(urlname=group.urlname, private=True) for group in meetup.world.groups)
    return Follow(groups=groups)


def follow_network() -> Follow:
    """The network that all groups of the world belong to."""
    return Follow(networks=("simulated-network",))

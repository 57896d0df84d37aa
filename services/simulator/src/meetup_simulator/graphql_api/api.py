"""The GraphQL endpoint, its token endpoint and its dials, without a socket: bytes in, an answer out."""

import json
import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, Final

from graphql import DocumentNode, ExecutionResult

from meetup_simulator.graphql_api.clock import WorldClock
from meetup_simulator.graphql_api.dials import DialError, Dials
from meetup_simulator.graphql_api.execution import Refused, name_of, read, roots_of, run
from meetup_simulator.graphql_api.living_world import LivingWorld
from meetup_simulator.graphql_api.points import Bucket, Verdict
from meetup_simulator.graphql_api.resolvers import View
from meetup_simulator.graphql_api.tokens import Tokens

GRAPHQL_PATH: Final = "/gql-ext"
TOKEN_PATH: Final = "/oauth2/access"  # noqa: S105  (a path)
DIALS_PATH: Final = "/graphql/dials"
_JSON: Final = "application/json;charset=utf-8"
_HTML: Final = (
    b"<html><head><title>504 Gateway Time-out</title></head><body><h1>504 Gateway Time-out</h1></body></html>"
)
_DEPRECATED: Final = {"message": "This API endpoint is deprecated and will be turned off soon. Use /gql-ext."}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``broken`` says that the connection ends in the middle of it."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", _JSON),)
    broken: bool = False


class GraphqlApi:
    """One API over one world."""

    def __init__(self, world: LivingWorld, clock: WorldClock, tokens: Tokens, *, dials: Dials | None = None) -> None:
        self.world = world
        self.clock = clock
        self.tokens = tokens
        self.dials = dials or Dials()
        self.bucket = Bucket(self.dials)
        self.asked: Counter[str] = Counter()
        """Root fields answered, by name."""
        self._dice = random.Random("dials")

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """One POST."""
        now = self.clock.now()
        self.world.advance(now)
        if path == TOKEN_PATH:
            status, value = self.tokens.access(body, now)
            return self._json(value, status)
        if path == DIALS_PATH:
            return self._turn(body)
        if self.dials.http and self._dice.random() < self.dials.http_share:
            return self._broken()
        if not headers.get("user-agent"):
            return self._json({"errors": [{"message": "a User-Agent is required"}]}, 403)
        if not self.tokens.is_good(headers.get("authorization", ""), now):
            return self._json({"errors": [{"message": "Unauthorized"}]}, 401)
        return self._query(body, now)

    def _turn(self, body: bytes) -> Reply:
        try:
            self.dials.turn(json.loads(body or b"{}"))
        except (DialError, ValueError) as error:
            return self._json({"error": str(error)}, 422)
        return self._json(self.dials.as_json())

    def _query(self, body: bytes, now: int) -> Reply:
        asked = json.loads(body)
        removed = tuple(sorted(self.dials.removed))
        try:
            document = read(asked["query"], removed)
        except Refused as error:
            return self._json({"errors": error.errors})
        roots = [name_of(root) for root in roots_of(document)]
        verdict = self.bucket.take(len(roots), now)
        if not verdict.answered:
            return self._refused(roots[0], verdict)
        self.asked.update(root.name.value for root in roots_of(document))
        view = View(self.world, self.dials, now, self._dice)
        result = run(document, removed, view.root(), asked.get("variables") or {})
        return self._json(self._harmed(document, result, verdict))

    def _refused(self, root: str, verdict: Verdict) -> Reply:
        if self.dials.limit_mode == "429":
            return self._json({"errors": [{"code": "throttled", "message": "Credentials have been throttled"}]}, 429)
        return self._json({"errors": [_limited([root], verdict)], "data": None})

    def _harmed(self, document: DocumentNode, result: ExecutionResult, verdict: Verdict) -> dict[str, Any]:
        """The answer with what the dials take from it."""
        errors: list[dict[str, Any]] = [
            {"message": error.message, "path": error.path, "extensions": {"classification": "DataFetchingException"}}
            for error in result.errors or ()
        ]
        data = result.data
        for index, root in enumerate(map(name_of, roots_of(document))):
            if data is None:
                break
            if index >= verdict.answered:
                data[root] = None
                errors.append(_limited([root], verdict))
            elif self._dice.random() < self.dials.fail_share:
                data[root] = None
                errors.append({"message": "Internal Server Error(s) while executing query", "path": [root]})
            elif self._dice.random() < self.dials.nested_fail_share:
                errors += _break_one_edge(data, root)
        answer: dict[str, Any] = {"data": data}
        if self.dials.extra_fields:
            answer["extensions"] = {"tracing": {"version": 1}}
        return {"errors": errors, **answer} if errors else answer

    def _broken(self) -> Reply:
        match self.dials.http:
            case "504":
                return Reply(504, _HTML, (("Content-Type", "text/html"),))
            case "429":
                return self._json({"errors": [{"code": "throttled", "message": "throttled"}]}, 429)
            case "empty":
                return Reply(200, b"")
            case "html":
                return Reply(200, _HTML, (("Content-Type", "text/html"),))
            case "deprecated":
                return self._json(_DEPRECATED, 503)
            case "401":
                return self._json({"errors": [{"message": "Unauthorized"}]}, 401)
            case "redirect":
                return Reply(302, b"", (("Location", "https://www.meetup.com/login"),))
            case "huge":
                return Reply(200, b'{"data":{"x":"' + b"x" * (64 << 20) + b'"}}')
            case _:
                return Reply(200, b'{"data":{"g0":', broken=True)

    def _json(self, value: object, status: int = 200) -> Reply:
        skewed = self.clock.now() / 1000 + self.dials.clock_skew_seconds
        headers = (("Content-Type", _JSON), ("Date", formatdate(skewed, usegmt=True)))
        return Reply(status, json.dumps(value).encode(), headers)


def _limited(path: list[str], verdict: Verdict) -> dict[str, Any]:
    resets = (
        datetime.fromtimestamp(verdict.resets / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
    return {
        "message": "Too many requests, please try again shortly.",
        "locations": [{"line": 1, "column": 1}],
        "path": path,
        "extensions": {"code": "RATE_LIMITED", "consumedPoints": verdict.consumed, "resetAt": resets},
    }


def _break_one_edge(data: dict[str, Any], root: str) -> list[dict[str, Any]]:
    """An error below one record: its venues are null for that reason, and the path says so."""
    edges = ((data.get(root) or {}).get("events") or {}).get("edges") or []
    if not edges or "venues" not in edges[0]["node"]:
        return []
    edges[0]["node"]["venues"] = None
    return [{"message": "venue service failed", "path": [root, "events", "edges", 0, "node", "venues"]}]

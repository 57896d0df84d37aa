"""The stand-in on a port: GraphQL, tokens, and the pages that tests turn it by."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final

from meetup_simulator.admin import answer_json
from meetup_simulator.graphql_api.api import DIALS_PATH, GRAPHQL_PATH, TOKEN_PATH, GraphqlApi, Reply
from meetup_simulator.http.listening import ReservedPort
from meetup_simulator.http.server import Connection, HttpServer, Request, Response

_NDJSON: Final = (("Content-Type", "application/x-ndjson"),)


class GraphqlServer:
    """Serves one ``GraphqlApi``; port 0 takes a free one."""

    def __init__(self, api: GraphqlApi, *, host: str, port: int) -> None:
        self.api = api
        self._reserved = ReservedPort(host, port)
        self._server = HttpServer(self._reserved, self._handle)

    @property
    def port(self) -> int:
        """The port it took."""
        return self._reserved.port

    async def start(self) -> None:
        """Listen."""
        await self._server.start()

    async def stop(self) -> None:
        """End every connection and free the port."""
        await self._server.stop()
        self._reserved.close()

    async def _handle(self, request: Request, connection: Connection) -> Response | None:
        match request.method, request.path:
            case "POST", path if path in (GRAPHQL_PATH, TOKEN_PATH, DIALS_PATH):
                if path == GRAPHQL_PATH:
                    await asyncio.sleep(self.api.dials.latency_seconds)
                return await self._send(self.api.answer(path, request.headers, request.body), connection)
            case "POST", "/graphql/advance":
                seconds = float(json.loads(request.body)["seconds"])
                self.api.world.advance(self.api.clock.advance(seconds))
                return answer_json(200, {"now": self.api.clock.now()})
            case "POST", "/graphql/expire":
                self.api.tokens.expire_all()
                return answer_json(200, {})
            case "POST", "/graphql/session":
                return answer_json(200, {"refresh_token": self.api.tokens.new_session()})
            case "GET", "/graphql/stats":
                return answer_json(200, self._stats())
            case "GET", "/graphql/history":
                self.api.world.advance(self.api.clock.now())
                return Response(200, _NDJSON, b"".join(history_lines(self.api)))
            case _:
                return answer_json(404, {"error": "there is nothing here"})

    async def _send(self, reply: Reply, connection: Connection) -> Response | None:
        response = Response(reply.status, reply.headers, reply.body)
        if not reply.broken:
            return response
        await connection.send(response.encode()[:-4] + b"half")
        connection.reset()
        return None

    def _stats(self) -> dict[str, Any]:
        api = self.api
        return {
            "now": api.clock.now(),
            "points": api.bucket.spent,
            "greatest_window": api.bucket.greatest,
            "refusals": api.bucket.refusals,
            "tokens": api.tokens.issued,
            "asked": dict(api.asked),
        }


def history_lines(api: GraphqlApi) -> Iterator[bytes]:
    """All that ever was: a line for each version of each event and RSVP."""
    for event in api.world.events:
        for at, state in zip(event.versions.times, event.versions.states, strict=True):
            shown = None if state is None else {"id": state.id, "title": state.title, "status": state.status}
            group = event.group.versions.last
            private = group is not None and group.private
            yield _line(feed="open_events", id=event.token, at=at, private=private, state=shown)
    for rsvp in api.world.rsvps:
        for at, answer in zip(rsvp.versions.times, rsvp.versions.states, strict=True):
            given = None if answer is None else {"status": answer.status, "guests": answer.guests}
            yield _line(feed="rsvps", id=rsvp.id, event=rsvp.event.token, member=rsvp.member.id, at=at, state=given)


def _line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"

"""What a test asks of the simulator itself: ``/faults``, ``/published``, ``/asked``, ``/stats`` and ``/end``."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from meetup_simulator.faults import FaultBook, FaultRefused, Kind, fault_as_json
from meetup_simulator.http.server import Connection, Request, Response, head
from meetup_simulator.rest.api import RestApi
from meetup_simulator.streams.published import PublishedIncomplete, PublishedLines

ADMIN_PATHS: Final = ("/faults", "/published", "/asked", "/stats", "/end")
_NDJSON: Final = "application/x-ndjson"


def answer_json(status: int, value: object) -> Response:
    """A JSON answer."""
    return Response(status, (("Content-Type", "application/json"),), json.dumps(value).encode() + b"\n")


class Admin:
    """The admin pages.

    ``stats`` says what ``/stats`` shows; ``refuse`` and ``allow`` close and open the port; ``end`` ends publication.
    """

    def __init__(
        self,
        faults: FaultBook,
        published: Mapping[str, PublishedLines],
        rest: RestApi,
        *,
        stats: Callable[[], dict[str, Any]],
        refuse: Callable[[float | None], None],
        allow: Callable[[], Awaitable[None]],
        end: Callable[[], None],
    ) -> None:
        self._faults = faults
        self._lines = published
        self._rest = rest
        self._stats = stats
        self._refuse = refuse
        self._allow = allow
        self._end = end

    def serves(self, path: str) -> bool:
        """Whether the path is one of these pages."""
        return path in ADMIN_PATHS or path.startswith("/faults/")

    async def answer(self, request: Request, connection: Connection) -> Response | None:
        """One admin request."""
        match request.method, request.path:
            case "GET", "/stats":
                return answer_json(200, self._stats())
            case "GET", "/asked":
                return self._asked(request.query.get("kind", ""))
            case "GET", "/published":
                return await self._published(request.query.get("feed", ""), connection)
            case "GET", "/faults":
                return answer_json(200, {"faults": self._faults.as_json()})
            case "POST", "/faults":
                return self._arm(request.body)
            case "DELETE", path if path.startswith("/faults"):
                return await self._disarm(path.removeprefix("/faults").removeprefix("/"))
            case "POST", "/end":
                self._end()
                return answer_json(200, self._stats())
            case _:
                return answer_json(405, {"error": f"no {request.method} here"})

    def _arm(self, body: bytes) -> Response:
        try:
            fault = self._faults.arm(json.loads(body))
        except FaultRefused as error:
            return answer_json(422, {"error": str(error)})
        except ValueError:
            return answer_json(400, {"error": "the body is not JSON"})
        if fault.kind is Kind.REFUSE and fault.feed is None and fault.path is None and not fault.after:
            fault.fired = 1
            self._refuse(fault.seconds)
        return answer_json(201, fault_as_json(fault))

    async def _disarm(self, fault_id: str) -> Response:
        if not fault_id:
            self._faults.clear()
            await self._allow()
            return answer_json(200, {"faults": []})
        if not fault_id.isdecimal() or not self._faults.clear(int(fault_id)):
            return answer_json(404, {"error": "there is no such fault"})
        return answer_json(200, {"faults": self._faults.as_json()})

    def _asked(self, kind: str) -> Response:
        if kind not in self._rest.asked:
            return answer_json(404, {"error": f"kind is one of {', '.join(self._rest.asked)}"})
        lines = [b'{"id":%d,"times":%d}\n' % pair for pair in self._rest.asked[kind].items()]
        return Response(200, (("Content-Type", _NDJSON),), b"".join(lines))

    async def _published(self, feed: str, connection: Connection) -> Response | None:
        if feed not in self._lines:
            return answer_json(404, {"error": f"feed is one of {', '.join(self._lines)}"})
        try:
            length, blocks = self._lines[feed].read()
        except PublishedIncomplete as error:
            return answer_json(410, {"error": str(error)})
        headers = (("Content-Type", _NDJSON), ("Content-Length", str(length)), ("Connection", "close"))
        await connection.send(head(200, headers))
        for block in blocks:
            await connection.send(block)
        return None

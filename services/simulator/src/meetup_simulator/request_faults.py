"""What an armed fault does to a whole request, to a feed's or to the REST API's."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from meetup_simulator.faults import Ending, Fault, Kind
from meetup_simulator.http.server import Connection, Response
from meetup_simulator.rest.api import RestApi, problem
from meetup_simulator.streams.answers import errors

_SLOW_SECONDS = 1.0


class Struck(Enum):
    """What is left to do after the fault."""

    DONE = "done"
    """The connection is over."""
    GO_ON = "go on"
    """The request is to be answered."""


async def strike(
    fault: Fault, connection: Connection, refuse: Callable[[float | None], None], rest: RestApi | None
) -> Response | Struck:
    """Do what the fault does before there is an answer, or instead of one. ``rest`` is ``None`` for a feed."""
    match fault.kind:
        case Kind.REFUSE | Kind.RESET:
            if fault.kind is Kind.REFUSE:
                refuse(fault.seconds)
            connection.reset()
            return Struck.DONE
        case Kind.SLOW:
            await asyncio.sleep(_SLOW_SECONDS if fault.seconds is None else fault.seconds)
        case Kind.STALL if rest is not None:
            if fault.seconds is None:
                await connection.gone()
                return Struck.DONE
            await asyncio.sleep(fault.seconds)
        case Kind.STATUS:
            return _status(fault, rest)
        case Kind.EMPTY:
            return Response(200, rest.headers() if rest else (), b"")
        case Kind.NOT_JSON:
            return Response(200, (("Content-Type", "text/html"),), b"<html><body>We'll be back shortly</body></html>")
        case _:
            pass  # it strikes the answer, not the request
    return Struck.GO_ON


def _status(fault: Fault, rest: RestApi | None) -> Response:
    headers = list(rest.headers()) if rest and fault.headers else []
    if fault.retry_after is not None:
        headers.append(("Retry-After", str(fault.retry_after)))
    if rest is not None:
        return problem(fault.status, fault.code, headers)
    answer = errors(fault.status, fault.code or "error", "Something went wrong")
    return replace(answer, headers=(*answer.headers, *headers))


async def send_half(fault: Fault, response: Response, connection: Connection) -> None:
    """Half of an answer's body. With ``Ending.END`` its Content-Length fits, so that only the JSON is cut."""
    half = response.body[: len(response.body) // 2]
    if fault.ending is Ending.END:
        await connection.send(replace(response, body=half).encode())
        return
    whole = response.encode()
    await connection.send(whole[: len(whole) - len(response.body) + len(half)])
    if fault.ending is Ending.RST:
        connection.reset()

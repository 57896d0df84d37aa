"""The operational pages on the port of an HTTP API."""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from meetupkit.ops_server import OPS_PATHS, OpsPages


def add_pages(app: Starlette, pages: OpsPages) -> None:
    """Answer ``OPS_PATHS``; they are no part of the API's description.

    A page may ask a store, so not in the event loop. Nor in the threads that requests share (anyio's), which a store
    that hangs can hold one and all: probes and scrapes are answered whatever the store does.
    """

    async def page(request: Request) -> Response:
        answer = await asyncio.to_thread(pages.answer, request.url.path, request.headers.get("accept", ""))
        return Response(answer.body, answer.status, {"Content-Type": answer.content_type})

    for path in OPS_PATHS:
        app.add_route(path, page, include_in_schema=False)

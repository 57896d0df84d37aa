"""The gateway's ASGI application: feeds and profiles; the operations pages are put before it."""

from meetupkit.http.asgi import Receive, Scope, Send

from meetup_gateway.serving.queries import QueryError, parameters, read_stream_query
from meetup_gateway.serving.responses import Response, stream_error
from meetup_gateway.serving.rest import Rest, kind_at
from meetup_gateway.serving.streams import Streams


class App:
    """``/2/...``."""

    def __init__(self, streams: Streams, rest: Rest) -> None:
        self._streams = streams
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if scope["method"] != "GET" or not path.startswith("/2/"):
            status = 404 if scope["method"] == "GET" else 405
            await stream_error(status, "not_found", "feeds and profiles are under /2/, by GET").send(send)
            return
        try:
            query = parameters(scope["query_string"])
            if kind := kind_at(path):
                await (await self._profiles(kind, query, scope)).send(send)
                return
            feed = path.removeprefix("/2/")
            await self._streams.answer(feed, read_stream_query(feed, query), receive, send)
        except QueryError as error:
            await stream_error(400, "bad_request", str(error)).send(send)

    async def _profiles(self, kind: str, query: dict[str, str], scope: Scope) -> Response:
        headers = {bytes(name).lower(): bytes(value).decode("latin-1") for name, value in scope["headers"]}
        bearer = headers.get(b"authorization", "").removeprefix("Bearer ")
        return await self._rest.answer(kind, query, bearer, headers.get(b"host", ""))

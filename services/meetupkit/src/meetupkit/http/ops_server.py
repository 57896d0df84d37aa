"""A server for the operational pages alone, for services without an API."""

from types import TracebackType
from typing import Final, Self

from meetupkit.http.pages import PageApp
from meetupkit.http.server import HttpServer
from meetupkit.ops_pages import OpsPages

_CONNECTIONS: Final = 64
"""Prometheus, a kubelet, a person or two, and room for those who should not be here."""
_IDLE_SECONDS: Final = 65.0
"""Longer than the usual scrape interval, so that a scraper keeps its connection."""
_DRAIN_SECONDS: Final = 1.0
"""For a page that is being made at the end."""
_REQUEST_SECONDS: Final = 5.0
"""A probe or a scrape sends its request at once; a connection that does not is cut."""


class OpsServer:
    """Serves ``OpsPages`` in a thread of its own; ``port`` 0 takes a free one."""

    def __init__(self, pages: OpsPages, *, host: str, port: int) -> None:
        self._server = HttpServer(
            PageApp(pages),
            host=host,
            port=port,
            connections=_CONNECTIONS,
            idle_seconds=_IDLE_SECONDS,
            drain_seconds=_DRAIN_SECONDS,
            head_seconds=_REQUEST_SECONDS,
            body_seconds=_REQUEST_SECONDS,
        )

    @property
    def port(self) -> int:
        """The port it took."""
        return self._server.port

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop()
        self._server.join()

"""``/metrics``, ``/livez`` and ``/readyz`` on one port.

``OpsPages`` answers the three paths and knows no web framework: a service with an HTTP API of its own mounts it there,
a service without one starts ``OpsServer``.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from meetupkit.progress import Progress

OPS_PATHS: Final = ("/metrics", "/livez", "/readyz")
_REQUEST_SECONDS: Final = 5.0
"""A probe or a scrape sends its request at once; a connection that does not is cut."""

NotReady = Callable[[], str | None]
"""Why the service is not ready, in a sentence, or ``None`` when it is."""


@dataclass(frozen=True, slots=True)
class OpsAnswer:
    """An HTTP answer, for whichever server sends it."""

    status: int
    content_type: str
    body: bytes


class OpsPages:
    """The three pages of one service, over its own registry.

    ``caveat`` is what does not work although the service is ready, in a sentence; ``/readyz`` says it with its 200.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        progress: Progress,
        not_ready: NotReady,
        caveat: NotReady = lambda: None,
    ) -> None:
        self._registry = registry
        self._progress = progress
        self._not_ready = not_ready
        self._caveat = caveat

    def answer(self, path: str, accept: str = "") -> OpsAnswer:
        """The page at ``path``; 404 for any other than ``OPS_PATHS``."""
        match path:
            case "/metrics":
                encode, content_type = choose_encoder(accept)
                return OpsAnswer(200, content_type, encode(self._registry))
            case "/livez":
                return self._livez()
            case "/readyz":
                why_not = self._not_ready()
                if why_not:
                    return _sentence(503, why_not)
                caveat = self._caveat()
                return _sentence(200, f"ready, but: {caveat}" if caveat else "ready")
            case _:
                return _sentence(404, "this port has " + " ".join(OPS_PATHS))

    def _livez(self) -> OpsAnswer:
        late = self._progress.stalled()
        if not late:
            return _sentence(200, "alive")
        return _sentence(503, ", ".join(f"{loop} is {seconds:.0f} s late" for loop, seconds in sorted(late.items())))


def _sentence(status: int, text: str) -> OpsAnswer:
    return OpsAnswer(status, "text/plain; charset=utf-8", f"{text}\n".encode())


class OpsServer:
    """Serves ``OpsPages`` in a thread of its own; ``port`` 0 takes a free one."""

    def __init__(self, pages: OpsPages, *, host: str, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = _REQUEST_SECONDS
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                answer = pages.answer(self.path.partition("?")[0], self.headers.get("Accept", ""))
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """A probe every few seconds is not news."""

        self._server = _QuietServer((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="ops-server", daemon=True)

    @property
    def port(self) -> int:
        """The port it took."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A prober that hung up in the middle is its own affair."""

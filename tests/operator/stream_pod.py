"""What answers on a stream pod's ops port: pages whose text the test sets."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class StreamPod:
    """``metrics`` are samples by name with labels; ``not_ready`` is what ``/readyz`` says with 503."""

    port: int = 0
    not_ready: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    reads: int = 0

    def page(self, path: str) -> tuple[int, str]:
        if path == "/readyz":
            return (503, self.not_ready) if self.not_ready else (200, "ready")
        self.reads += 1
        return 200, "".join(f"{name} {value}\n" for name, value in self.metrics.items())


@contextmanager
def a_stream_pod(port: int = 0) -> Iterator[StreamPod]:
    pod = StreamPod()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = pod.page(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    pod.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield pod
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

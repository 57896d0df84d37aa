"""A server that answers with whatever bytes it is given, whole or byte by byte."""

import socket
import threading
from typing import Final

DRIP_SECONDS: Final = 0.05


class RawServer:
    """Takes requests and answers with these bytes, whole or byte by byte; counts what it took."""

    def __init__(self, answer: bytes, *, drip_from: int | None = None, close: bool = True) -> None:
        self._answer = answer
        self._drip_from = drip_from
        self._close = close
        self.taken = 0
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(made,), daemon=True).start()

    def _serve(self, made: socket.socket) -> None:
        with made:
            try:
                self._take(made)
                at_once = len(self._answer) if self._drip_from is None else self._drip_from
                made.sendall(self._answer[:at_once])
                for octet in self._answer[at_once:]:
                    if self._ended.wait(DRIP_SECONDS):
                        return
                    made.sendall(bytes([octet]))
                if not self._close:
                    self._ended.wait(60)
            except OSError:
                return

    def _take(self, made: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += made.recv(65_536)
        head, _, body = received.partition(b"\r\n\r\n")
        told = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        length = int(told or b"0")
        while len(body) < length:
            body += made.recv(65_536)
        self.taken += 1

    def close(self) -> None:
        self._ended.set()
        self._listener.close()


def http(body: bytes, *headers: bytes, status: bytes = b"200 OK", length: bool = True) -> bytes:
    """An answer in HTTP."""
    told = [b"Content-Length: %d" % len(body)] if length else []
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, *told]) + b"\r\n\r\n" + body

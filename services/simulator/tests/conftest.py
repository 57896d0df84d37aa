"""Raw sockets, because the tests look at chunks, heads and endings that an HTTP client hides."""

import contextlib
import json
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

SHARED_DATA = Path(__file__).parents[4] / "shared" / "data"
TIMEOUT = 60.0
SILENCE = 0.3
"""A stream that says nothing for this long is called silent; a slow machine cannot make it talk."""


class Wire:
    """One HTTP exchange on a raw socket. ``ended`` is ``fin`` or ``rst`` once the server has ended it."""

    def __init__(self, port: int, target: str, *headers: str, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        lines = [f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.ended: str | None = None
        self.buffer = b""

    def more(self) -> bool:
        """Read what is there; false when the server has ended the connection."""
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionResetError:
            self.ended = "rst"
            return False
        self.buffer += data
        if not data:
            self.ended = "fin"
        return bool(data)

    def head(self) -> tuple[str, dict[str, str]]:
        """Status line and headers, names as they were sent."""
        while b"\r\n\r\n" not in self.buffer:
            assert self.more(), f"the connection ended ({self.ended}) before its head: {self.buffer!r}"
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        return status, dict(line.split(": ", 1) for line in lines)

    def chunk(self) -> bytes | None:
        """The next whole chunk, or ``None`` when the connection ends before."""
        while b"\r\n" not in self.buffer:
            if not self.more():
                return None
        size, _, rest = self.buffer.partition(b"\r\n")
        length = int(size, 16)
        while len(rest) < length + 2:
            if not self.more():
                return None
            rest = self.buffer.partition(b"\r\n")[2]
        assert rest[length : length + 2] == b"\r\n"
        self.buffer = rest[length + 2 :]
        return rest[:length]

    def records(self, count: int) -> list[bytes]:
        """So many records, one from each chunk, without their newlines."""
        records: list[bytes] = []
        for _ in range(count):
            chunk = self.chunk()
            assert chunk is not None, f"ended ({self.ended}) after {len(records)} records"
            assert chunk.count(b"\n") == 1
            assert chunk.endswith(b"\n")
            records.append(chunk[:-1])
        return records

    def rest(self) -> bytes:
        """Everything until the server ends the connection."""
        while self.more():
            pass
        return self.buffer

    def is_silent(self) -> bool:
        """Open, and nothing comes."""
        if self.buffer:
            return False
        self.socket.settimeout(SILENCE)
        try:
            return self.more()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT)

    def body(self) -> bytes:
        """The body of an answer with a Content-Length."""
        _, headers = self.head()
        while len(self.buffer) < int(headers["Content-Length"]):
            assert self.more()
        return self.buffer

    def close(self) -> None:
        """Leave at once."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


OpenWire = Callable[..., Wire]


@pytest.fixture
def wire() -> Iterator[OpenWire]:
    """Opens exchanges that are closed at the end of the test."""
    with contextlib.ExitStack() as open_wires:
        yield lambda *arguments, **options: open_wires.enter_context(Wire(*arguments, **options))


@pytest.fixture
def stream(wire: OpenWire) -> OpenWire:
    """Opens a stream and reads its head, which must be a 200."""

    def opened(port: int, target: str, **options: Any) -> Wire:
        exchange = wire(port, target, **options)
        status, _ = exchange.head()
        assert status == "HTTP/1.1 200 OK"
        return exchange

    return opened


@pytest.fixture
def shared_data() -> Path:
    """Recorded traffic, which lies beside the repository and is not part of it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"recorded data are absent: {SHARED_DATA}")
    return SHARED_DATA


def rsvp(number: int, mtime: int, event_id: str = "1") -> bytes:
    """The least that is an rsvps record."""
    value = {"rsvp_id": number, "mtime": mtime, "event": {"event_id": event_id}}
    return json.dumps(value, separators=(",", ":")).encode()


@pytest.fixture
def rsvps_file(tmp_path: Path) -> Callable[[list[bytes]], Path]:
    """Writes lines to a file that can be replayed."""

    def written(lines: list[bytes]) -> Path:
        file = tmp_path / "rsvps.ndjson"
        file.write_bytes(b"".join(line + b"\n" for line in lines))
        return file

    return written


@pytest.fixture(scope="session")
def make_rsvp() -> Callable[..., bytes]:
    """The least that is an rsvps record."""
    return rsvp

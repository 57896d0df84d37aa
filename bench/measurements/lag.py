"""From a record's last byte sent to its object in the directory, at an everyday rate, record by record."""

import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from meetup_testkit.service_process import ServiceProcess, until
from meetupkit.feeds import FEEDS
from meetupkit.records import Record, read_line

from bench.measurement import Row
from bench.workbench import Workbench

_RATE = 50.0


def lag(bench: Workbench) -> Iterable[Row]:
    """Sent by a server of its own, which notes when; the file's time of linking (ctime) says when it was there."""
    lines = bench.rsvps(bench.scaled(1000)).read_bytes().split(b"\n")[:-1]
    folder = bench.new_folder()
    sent: list[float] = []
    with _paced(lines, sent) as address:
        environ = {"STREAM_FEED": "rsvps", "STREAM_URL": address, "STREAM_OBJECTS": f"file://{folder}/objects"}
        with ServiceProcess("meetup_stream", {**environ, "STREAM_PORT": "0"}, folder / "stream.log") as stream:
            until(lambda: len(sent) == len(lines), "all records sent", 120)
            files = [folder / "objects" / "rsvps" / _name(line) for line in lines]
            until(files[-1].exists, "the last record")
            stream.stop()
    lags = sorted(1000 * (file.stat().st_ctime - at) for file, at in zip(files, sent, strict=True))
    yield Row(
        f"last byte sent to object there, {_RATE:g} records/s, {len(lags):,} records: median, p99, greatest",
        "p99 under 250 ms",
        ", ".join(f"{max(0.0, value):.1f}" for value in (lags[len(lags) // 2], lags[len(lags) * 99 // 100], lags[-1]))
        + " ms",
        "The scheduler; the file system's clock ticks every 4 ms, so nothing below that is told apart.",
    )


def _name(line: bytes) -> Path:
    record = read_line(FEEDS["rsvps"], line)
    if not isinstance(record, Record):
        raise TypeError("the generator made a line that is no record")
    return Path(f"{record.data_id}_{record.mtime}.json")


class _paced:  # noqa: N801  (used as a verb: with _paced(...))
    def __init__(self, lines: list[bytes], sent: list[float]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                began = time.monotonic()
                for number, line in enumerate(lines[len(sent) :]):
                    time.sleep(max(0.0, began + number / _RATE - time.monotonic()))
                    self.wfile.write(b"%x\r\n%b\n\r\n" % (len(line) + 1, line))
                    sent.append(time.time())
                over.wait()

            def log_message(self, format: str, *args: object) -> None:
                pass

        over = self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/2/rsvps"

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

"""What the tests of this package share: a server that answers as Meetup does, and handles of a running service.

``conftest.py`` puts the root of the repository on the path, and has the fixtures.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from meetup_enricher.health import Health
from meetup_enricher.metrics import Metrics
from meetup_enricher.service import Service
from meetup_testkit.service_process import until
from meetupkit.stores.documents.sqlite.documents import SqliteDocuments

KEY = "0123abcd4567ef89deadbeefcafe"


@dataclass
class Call:
    """A call as the API saw it."""

    kind: str
    ids: list[int]
    offset: int
    key: str
    at: float


@dataclass
class Reply:
    """An answer as it is sent; ``promised`` is a Content-Length beyond the body's, ``pause`` seconds between bytes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promised: int = 0
    pause: float = 0.0


class MeetupApi:
    """``/2/members`` and ``/2/groups`` over HTTP.

    ``absent`` ids have no profile, ``bad`` ones make the call a 400, ``fatal`` ones a 500. ``replies`` are used up
    first, one per call. ``override`` may answer in place of the usual.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.replies: list[Reply] = []
        self.absent: set[int] = set()
        self.bad: set[int] = set()
        self.fatal: set[int] = set()
        self.page_cap = 200
        self.profile: Callable[[int], dict[str, Any]] = lambda each: {"id": each, "name": f"name of {each}"}
        self.override: Callable[[Call], Reply | None] = lambda call: None
        self.lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each body waits 40 ms for its head to be acknowledged

            def do_GET(self) -> None:
                api.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        kind = parts.path.removeprefix("/2/")
        ids = [int(each) for each in query[{"members": "member_id", "groups": "group_id"}[kind]].split(",")]
        call = Call(kind, ids, int(query["offset"]), query.get("key", ""), time.monotonic())
        with self.lock:
            self.calls.append(call)
            reply = self.override(call) or (self.replies.pop(0) if self.replies else self.usual(call, handler.path))
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body) + reply.promised))
        handler.end_headers()
        if not reply.pause:
            handler.wfile.write(reply.body)
            handler.close_connection = bool(reply.promised)
            return
        for each in reply.body:
            time.sleep(reply.pause)
            try:
                handler.wfile.write(bytes([each]))
            except OSError:
                break
        handler.close_connection = True

    def usual(self, call: Call, path: str) -> Reply:
        if self.bad & set(call.ids):
            return Reply(400, b'{"details":"malformed","code":"bad_request","problem":"The API request is malformed"}')
        if self.fatal & set(call.ids):
            return Reply(500, b"oops")
        known = [each for each in call.ids if each not in self.absent]
        first = call.offset * self.page_cap
        results = [self.profile(each) for each in known[first : first + self.page_cap]]
        more = first + self.page_cap < len(known)
        # Both echo the key, as Meetup's do; "next" leads nowhere, so nobody may follow it.
        meta = {"next": f"http://127.0.0.1:9{path}" if more else "", "url": f"{self.url}{path}", "count": len(results)}
        return Reply(200, json.dumps({"results": results, "meta": meta}).encode())

    def asked(self, kind: str) -> list[int]:
        return [each for call in self.calls if call.kind == kind for each in call.ids]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Running:
    """A service of this process, serving HTTP."""

    url: str
    service: Service
    metrics: Metrics
    health: Health
    store: SqliteDocuments

    def post(self, **body: list[int] | str) -> dict[str, Any]:
        """What is answered to accepted ids, by kind."""
        answer = requests.post(f"{self.url}/v1/enrichments", json=body, timeout=30)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=30)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def await_empty(self, seconds: float = 60) -> None:
        """Until nothing is queued."""
        until(
            lambda: not self.store.count("members_queue") and not self.store.count("groups_queue"),
            "an empty queue",
            seconds,
        )

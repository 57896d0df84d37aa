"""The process before a server that is no Meetup: it goes on, says why in a sentence, keeps its secrets and its size."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from meetup_simulator.graphql_api.keys import new_private_key
from meetup_testkit.service_process import ServiceProcess, until

from services.gateway.tests.gateway_process import KEY, running

pytestmark = pytest.mark.faults

TOKEN = "a-token-that-nobody-sees"
MOST_MIB = 160
"""What the chart allows."""


@dataclass(frozen=True)
class Told:
    """One answer. ``AUTHORIZATION`` and ``FORM`` in it become what the client sent."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


GOOD_TOKEN = Told(json.dumps({"access_token": TOKEN, "expires_in": 3600}).encode())
NOT_GRAPHQL = "not an answer of GraphQL"
ANSWERS = {
    "html": (Told(b"<html><script>x</script>", headers={"Content-Type": "text/html"}), NOT_GRAPHQL),
    "502": (Told(b"<html>Bad Gateway", 502), "answered 502"),
    "bomb": (
        Told(gzip.compress(b" " * (1 << 28), 1), headers={"Content-Encoding": "gzip"}),
        "more than 16777216 bytes",
    ),
    "many parts": (Told(b'{"data":{"g0":{"a":[' + b'{"a":{}},' * 1_000_000 + b"1]}}}"), NOT_GRAPHQL),
    "deep": (Told(b'{"data":' + b"[" * 5_000_000), NOT_GRAPHQL),
    "redirect": (Told(b"", 302, {"Location": "http://127.0.0.1:1/?secret=1"}), "which is not followed"),
    "unknown code": (
        Told(b'{"errors": [{"message": "a\\u001b[31m", "extensions": {"code": "NEW"}}], "data": null}'),
        "answered 200 without data",
    ),
    "echo": (Told(b'{"message": "no: AUTHORIZATION"}', 403), "answered 403: no: Bearer (a secret)"),
}
TOKENS = {
    "html": (Told(b"<html>log in"), "answered 200 without a token"),
    "redirect": (Told(b"", 301, {"Location": "http://127.0.0.1:1/"}), "which is not followed"),
    "two lines": (Told(b'{"access_token": "a\\r\\nX-Y: b"}'), "answered 200 without a token"),
    "large": (Told(b" " * 1_000_000), "more than 65536 bytes"),
    "echo": (Told(b'{"error": "FORM"}', 400), "Meetup gives no token (400"),
}


@contextmanager
def server_of(answer: Told, token: Told) -> Iterator[str]:
    """Its address: ``/token`` and everything else."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"]))
            told = token if self.path == "/token" else answer
            body = told.body.replace(b"AUTHORIZATION", self.headers.get("Authorization", "").encode())
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body.replace(b"FORM", form))
            except OSError:
                return  # the client has read enough

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up is no news
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def environ_of(folder: Path, url: str) -> dict[str, str]:
    (folder / "follow.yaml").write_text("groups: [runners]\n")
    (folder / "key.pem").write_text(new_private_key())
    settings = {
        "FOLLOW": folder / "follow.yaml",
        "STORE": folder / "gateway.db",
        "KEY": KEY,
        "CONTACT": "mailto:test@example.org",
        "API_URL": f"{url}/gql-ext",
        "TOKEN_URL": f"{url}/token",
        "CLIENT_KEY": "client-key",
        "MEMBER_ID": "100000007",
        "SIGNING_KEY_ID": "signing-key",
        "SIGNING_KEY_FILE": folder / "key.pem",
        "PORT": "0",
    }
    return {f"GATEWAY_{name}": str(value) for name, value in settings.items()}


def assert_goes_on(gateway: ServiceProcess, said: str) -> None:
    until(lambda: said in gateway.get("/readyz").text, said)
    assert gateway.get("/livez").status_code == 200
    status = Path(f"/proc/{gateway.process.pid}/status").read_text().splitlines()
    greatest = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    assert greatest < MOST_MIB * 1024
    assert gateway.stop() == 0


@pytest.mark.parametrize("name", ANSWERS)
def test_before_a_hostile_api_the_gateway_goes_on_and_says_why(tmp_path: Path, name: str) -> None:
    assert_said(tmp_path, *ANSWERS[name], answer=True)


@pytest.mark.parametrize("name", TOKENS)
def test_before_a_hostile_token_endpoint_the_gateway_goes_on_and_says_why(tmp_path: Path, name: str) -> None:
    assert_said(tmp_path, *TOKENS[name], answer=False)


def assert_said(folder: Path, told: Told, said: str, *, answer: bool) -> None:
    with server_of(told if answer else Told(b""), GOOD_TOKEN if answer else told) as url:
        with running(folder, environ_of(folder, url)) as gateway:
            shown = gateway.get("/readyz").text
            assert_goes_on(gateway, said)
        shown += (folder / "gateway.log").read_text()
    for secret in ("Traceback", TOKEN, KEY, "PRIVATE KEY", "assertion=ey", "secret=1", "\x1b"):
        assert secret not in shown

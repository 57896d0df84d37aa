"""A pod whose metadata server does not answer yet, or not at all: each in a process of its own, for google-auth."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from meetup_testkit.emulators.process import free_port

FIRST_USE = """
import sys, time
from meetupkit.errors import MeetupError
from meetupkit.stores import open_documents, open_objects
began = time.monotonic()
try:
    store = (open_objects if sys.argv[1].startswith("gs") else open_documents)(sys.argv[1])
    store.check()
except MeetupError as error:
    print(type(error).__name__, error)
print(time.monotonic() - began, file=sys.stderr)
"""
TOKENS = """
import sys
from meetupkit.errors import StoreUnavailable
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from meetupkit.stores.google_credentials import CredentialsFinder
now = 0.0
finder = CredentialsFinder(["https://www.googleapis.com/auth/datastore"], clock=lambda: now)
for line in sys.stdin:
    now = float(line)
    try:
        found = finder.find()
        found.refresh(Request())
        print("token", found.token, flush=True)
    except (StoreUnavailable, GoogleAuthError) as error:
        print(type(error).__name__, flush=True)
"""
STORES = ["gs://bucket", "firestore://project"]


def environ(port: int, **more: str) -> dict[str, str]:
    place = f"127.0.0.1:{port}"
    return {"GCE_METADATA_HOST": place, "GCE_METADATA_IP": place, "HOME": "/nowhere", "PATH": "/usr/bin:/bin", **more}


def in_pod(port: int) -> dict[str, str]:
    return environ(port, KUBERNETES_SERVICE_HOST="10.0.0.1")


def first_use(url: str, environ: dict[str, str]) -> tuple[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_USE, url], env=environ, capture_output=True, text=True, timeout=200, check=False
    )
    return done.stdout, float(done.stderr.splitlines()[-1])


@contextmanager
def metadata_server(port: int, answers: Callable[[str], tuple[int, object]]) -> Iterator[list[str]]:
    """Answers as told, by the path; what it was asked is given."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = answers(self.path)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield asked
        server.shutdown()
        thread.join()


def healthy(path: str) -> tuple[int, object]:
    if path.partition("?")[0].endswith("/token"):
        return 200, {"access_token": "the-token", "expires_in": 3600, "token_type": "Bearer"}
    if "service-accounts" in path:
        return 200, {"email": "a@b.c", "scopes": ["x"], "aliases": ["default"]}
    return 200, "project"


@pytest.mark.parametrize("url", STORES)
def test_a_metadata_server_that_refuses_in_a_pods_first_seconds_is_an_outage(url: str) -> None:
    said, seconds = first_use(url, in_pod(free_port()))
    assert said.startswith("StoreUnavailable no Google credentials yet"), said
    assert seconds < 30  # google-auth's own tries take 34 s


@pytest.mark.parametrize("url", STORES)
def test_outside_a_cluster_missing_credentials_are_refused_at_once(url: str) -> None:
    said, _ = first_use(url, environ(free_port()))
    assert said.startswith("StoreRefused"), said
    assert "gcloud auth application-default login" in said


@contextmanager
def finder(port: int) -> Iterator[Callable[[float], str]]:
    """Asks for a token at a time of the finder's clock."""
    with subprocess.Popen(
        [sys.executable, "-c", TOKENS], env=in_pod(port), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout

        def ask(now: float) -> str:
            assert process.stdin and process.stdout
            process.stdin.write(f"{now}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield ask
        process.stdin.close()


def test_credentials_are_found_as_soon_as_the_metadata_server_answers() -> None:
    port = free_port()
    with finder(port) as ask:
        assert ask(1) == "StoreUnavailable"
        with metadata_server(port, healthy):
            assert ask(2) == "token the-token"


def test_a_metadata_server_that_never_comes_is_refused_after_half_a_minute() -> None:
    with finder(free_port()) as ask:
        assert ask(29) == "StoreUnavailable"
        assert ask(31) == "DefaultCredentialsError"


def test_a_failing_metadata_server_is_asked_once_and_not_for_half_a_minute() -> None:
    """google-auth's own tries take 34 s, in which no stop is heard."""
    port = free_port()

    def without_tokens(path: str) -> tuple[int, object]:
        return (503, {}) if path.partition("?")[0].endswith("/token") else healthy(path)

    with finder(port) as ask, metadata_server(port, without_tokens) as asked:
        began = time.monotonic()
        assert ask(1) == "NoAnswer"
        assert ask(2) == "NoAnswer"
        assert len([path for path in asked if "/token" in path]) == 2
        assert time.monotonic() - began < 30

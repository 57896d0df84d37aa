"""What the Cloud Storage store alone promises: its requests, its errors, its first look at the bucket.

The emulator allows everything, is never overloaded and ignores checksums, so most of this asks a server that gives
the answers Cloud Storage documents.
"""

import base64
import hashlib
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import google_crc32c
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from meetup_testkit.emulators.process import free_port
from meetup_testkit.emulators.pytest_plugin import Bucket
from meetup_testkit.service_process import until
from meetup_testkit.simulator_plugin import StartProxy
from meetup_testkit.tcp_proxy import Direction, Disturbance
from meetupkit.errors import Conflict, StoreRefused, StoreUnavailable
from meetupkit.retry import LONGEST_ASKED_SECONDS
from meetupkit.stores import open_objects
from meetupkit.stores.objects import Created, NewObject
from meetupkit.stores.objects.cloud_storage import CONCURRENCY, GcsObjects

BODY = b'{"rsvp_id":1,"mtime":2}'
NEW = NewObject("rsvps/1_2.json", BODY, google_crc32c.value(BODY), metadata={"feed": "rsvps", "mtime": "2"})
OBJECT = {"kind": "storage#object", "name": NEW.name, "generation": "7"}


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    missing_bytes: int = 0
    """Promised by Content-Length, but never sent: the connection is closed instead."""
    hang: bool = False
    """Say nothing until the server is closed."""

    @classmethod
    def of_json(cls, status: int, value: object, **headers: str) -> Self:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, json.dumps(value).encode(), named)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    """Of five, which is the default, the kernel drops the rest of 32 connections made at once, for seconds each."""


class CannedServer:
    """Answers what the test tells it to, and keeps what it was asked.

    Listens on a loopback port from ``__enter__`` on; ``answer`` may be changed at any time.
    """

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.connections = 0
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(canned) -> type[BaseHTTPRequestHandler]:  # noqa: N805  (self is the handler's, inside)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each body waits 40 ms for its head to be acknowledged

            def setup(self) -> None:
                canned.connections += 1
                super().setup()

            def do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(self.command, self.path, dict(self.headers), body)
                canned.asked.append(asked)
                answer = canned.answer(asked)
                if answer.hang:
                    canned._closing.wait()
                    return
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + answer.missing_bytes))
                self.end_headers()
                self.wfile.write(answer.body)
                self.close_connection = bool(answer.missing_bytes)

            do_GET = do_POST = do_PUT = do_DELETE = do  # noqa: N815  (http.server's names)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler


def failure(status: int, message: str = "as documented", reason: str = "reason", **headers: str) -> Answer:
    error = {"code": status, "message": message, "errors": [{"domain": "global", "reason": reason}]}
    return Answer.of_json(status, {"error": error}, **headers)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedServer]:
    with CannedServer(lambda _: Answer.of_json(200, OBJECT)) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server


@pytest.fixture
def store(server: CannedServer) -> Iterator[GcsObjects]:
    store = GcsObjects("bucket", timeout=(60, 60))
    yield store
    store.close()


def test_a_create_is_one_request_with_the_precondition_and_the_checksum(
    store: GcsObjects, server: CannedServer
) -> None:
    assert store.create(NEW) == Created()
    (asked,) = server.asked
    assert asked.path == "/upload/storage/v1/b/bucket/o?uploadType=multipart&ifGenerationMatch=0"
    assert sent_metadata(asked) == {
        "name": NEW.name,
        "crc32c": base64.b64encode(NEW.crc32c.to_bytes(4, "big")).decode(),
        "metadata": {**NEW.metadata, "sha256": hashlib.sha256(BODY).hexdigest()},
    }
    assert b"content-type: application/json\r\n\r\n" + BODY + b"\r\n" in asked.body


def sent_metadata(asked: Asked) -> Any:
    return json.loads(asked.body.split(b"\r\n\r\n")[1].split(b"\r\n")[0])


def test_content_type_and_metadata_are_kept_with_the_object(cloud_storage: Bucket) -> None:
    open_objects(f"{cloud_storage.url}/prefix").create(NEW)
    address = f"{cloud_storage.emulator.host}/storage/v1/b/{cloud_storage.name}/o/prefix%2Frsvps%2F1_2.json"
    with urllib.request.urlopen(address, timeout=60) as answer:
        stored = json.load(answer)
    assert stored["contentType"] == "application/json"
    assert stored["metadata"] == {**NEW.metadata, "sha256": hashlib.sha256(BODY).hexdigest()}


def test_another_generation_than_the_expected_one_is_not_deleted(store: GcsObjects, server: CannedServer) -> None:
    """Shown by the request and the answer that Cloud Storage documents; the emulator deletes any generation."""
    server.answer = lambda _: Answer(412)
    with pytest.raises(Conflict):
        store.delete(NEW.name, expected_version=7)
    (asked,) = server.asked
    assert (asked.method, asked.path) == (
        "DELETE",
        "/storage/v1/b/bucket/o/rsvps%2F1_2.json?ifGenerationMatch=7&prettyPrint=false",
    )


def test_as_many_threads_as_concurrency_says_share_as_many_connections(store: GcsObjects, server: CannedServer) -> None:
    with ThreadPoolExecutor(CONCURRENCY * 2) as pool:
        answers = list(pool.map(lambda _: store.create(NEW), range(CONCURRENCY * 8)))
    assert answers == [Created()] * CONCURRENCY * 8
    assert server.connections <= CONCURRENCY


@pytest.mark.parametrize(
    "answer",
    [
        *(failure(status) for status in (408, 409, 410, 429, 500, 502, 503, 504)),
        failure(403, reason="rateLimitExceeded"),
        failure(403, reason="userRateLimitExceeded"),
        Answer(500, b"<html>from a proxy</html>"),
        Answer(200, b""),
        Answer(200, b"<html>from a proxy</html>"),
        Answer(200, b'{"kind": "storage#o', missing_bytes=100),
        Answer(200, hang=True),
    ],
    ids=lambda answer: f"{answer.status} {answer.body[-60:].decode()}{' hang' * answer.hang}",
)
def test_what_may_pass_is_unavailable_and_tried_once(server: CannedServer, answer: Answer) -> None:
    server.answer = lambda _: answer
    store = GcsObjects("bucket", timeout=(60, 0.2 if answer.hang else 60))
    with pytest.raises(StoreUnavailable, match="gs://bucket"):
        store.create(NEW)
    until(lambda: server.asked, "the request to be read")
    assert len(server.asked) == 1


def test_every_method_that_asks_says_unavailable_to_a_503(store: GcsObjects, server: CannedServer) -> None:
    server.answer = lambda _: failure(503, "Backend Error")
    for call in (
        store.check,
        lambda: store.create(NEW),
        lambda: store.read("a"),
        lambda: store.replace("a", b"", expected_version=1),
        lambda: list(store.names("")),
    ):
        with pytest.raises(StoreUnavailable, match="gs://bucket answered 503"):
            call()
    assert len(server.asked) == 5


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (failure(401), "no usable Google credentials: run gcloud auth application-default login"),
        (failure(403), "grant roles/storage.objectUser on gs://bucket to the identity of this service"),
        (failure(404), "no such bucket: create it .gcloud storage buckets create gs://bucket."),
        (failure(400), "the request is not accepted"),
    ],
    ids=["401", "403", "404", "400"],
)
def test_what_a_person_must_change_is_refused_with_what_to_do(
    store: GcsObjects, server: CannedServer, answer: Answer, sentence: str
) -> None:
    server.answer = lambda _: answer
    for call in (lambda: store.create(NEW), store.check, lambda: list(store.names(""))):
        with pytest.raises(StoreRefused, match=sentence) as refused:
            call()
        assert "\n" not in str(refused.value)


def test_a_missing_bucket_is_refused_by_every_method(cloud_storage: Bucket) -> None:
    store = open_objects("gs://there-is-no-such-bucket")
    for call in (
        store.check,
        lambda: store.create(NEW),
        lambda: store.read("a"),
        lambda: store.replace("a", b"", expected_version=0),
        lambda: list(store.names("")),
    ):
        with pytest.raises(StoreRefused, match="create gs://there-is-no-such-bucket"):
            call()


@pytest.mark.parametrize("denied", ["list", "create", "get", "delete"])
def test_a_start_without_one_permission_is_refused(store: GcsObjects, server: CannedServer, denied: str) -> None:
    def permission(asked: Asked) -> str:
        if asked.method == "GET":
            return "get" if "/o/" in asked.path else "list"
        return "create" if asked.method == "POST" else "delete"

    def answer(asked: Asked) -> Answer:
        if permission(asked) == denied:
            return failure(403, f"no storage.objects.{denied} access")
        return {"list": Answer(), "create": failure(412)}.get(permission(asked), failure(404))

    server.answer = answer
    with pytest.raises(StoreRefused, match=f"objectUser.* no storage.objects.{denied} access"):
        store.check()
    denied = "nothing"
    store.check()


@pytest.mark.parametrize("at_byte", [1, 15, 30, 60, 100, 150, 200])
def test_half_an_answer_is_no_answer(
    at_byte: int, cloud_storage: Bucket, tcp_proxy: StartProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within its head too, which Python's HTTP client takes for a whole one."""
    body = b"x" * 2000
    there = NewObject("there", body, google_crc32c.value(body))
    with closing(GcsObjects(cloud_storage.name)) as whole:
        whole.create(there)
    proxy = tcp_proxy(cloud_storage.process.port)
    proxy.cut(at_byte, Direction.TO_CLIENT)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
    calls: list[Callable[[GcsObjects], object]] = [
        lambda store: store.read("there"),
        lambda store: store.create(there),
        lambda store: store.replace("there", b"new", expected_version=1),
    ]
    with closing(GcsObjects(cloud_storage.name)) as store:
        for call in calls:
            with pytest.raises(StoreUnavailable):
                call(store)
    assert proxy.fired[Disturbance.CUT] >= len(calls)


def test_retry_after_is_handed_on_in_seconds(store: GcsObjects, server: CannedServer) -> None:
    server.answer = lambda _: failure(429, Retry_After="17")
    with pytest.raises(StoreUnavailable) as unavailable:
        store.create(NEW)
    assert unavailable.value.retry_after == 17
    server.answer = lambda _: failure(503, Retry_After=format_datetime(datetime.now(UTC) + timedelta(hours=1), True))
    with pytest.raises(StoreUnavailable) as unavailable:
        store.create(NEW)
    assert unavailable.value.retry_after == pytest.approx(3600, abs=60)
    server.answer = lambda _: failure(503, Retry_After="9" * 12)
    with pytest.raises(StoreUnavailable) as unavailable:
        store.create(NEW)
    assert unavailable.value.retry_after == LONGEST_ASKED_SECONDS
    server.answer = lambda _: failure(503, Retry_After="soon")
    with pytest.raises(StoreUnavailable) as unavailable:
        store.create(NEW)
    assert unavailable.value.retry_after is None


def test_an_address_that_refuses_connections_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailable, match="ConnectionRefusedError"):
        open_objects("gs://bucket").check()


def test_names_come_from_all_pages_and_without_the_prefix(server: CannedServer) -> None:
    def page(asked: Asked) -> Answer:
        names = ["p/a/3", "p/a/4"] if "pageToken=next" in asked.path else ["p/a/1", "p/a/2"]
        more = {} if "pageToken=next" in asked.path else {"nextPageToken": "next"}
        return Answer.of_json(200, {"items": [{"name": name} for name in names], **more})

    server.answer = page
    assert list(open_objects("gs://bucket/p").names("a/")) == ["a/1", "a/2", "a/3", "a/4"]
    assert all("prefix=p%2Fa%2F" in asked.path for asked in server.asked)


def test_stores_of_one_bucket_see_only_their_own_prefix(cloud_storage: Bucket) -> None:
    for prefix in ("", "/a", "/ab", "/a/b/"):
        assert open_objects(cloud_storage.url + prefix).create(NEW) == Created()
    assert list(open_objects(f"{cloud_storage.url}/ab").names("")) == [NEW.name]
    assert list(open_objects(f"{cloud_storage.url}/a").names("")) == [f"b/{NEW.name}", NEW.name]


@pytest.mark.parametrize("url", ["gs://", "gs:///a", "gs://B/a", "gs://b?c=d", "gs://bucket/../a", "gs://bucket/.a"])
def test_an_address_without_a_bucket_is_refused_with_the_form_it_should_have(url: str) -> None:
    with pytest.raises(StoreRefused, match="a bucket is written gs://bucket or gs://bucket/prefix"):
        open_objects(url)


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with CannedServer(lambda _: Answer.of_json(200, OBJECT)) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://storage.invalid")
        monkeypatch.setenv("http_proxy", proxy.url)
        assert open_objects("gs://bucket").create(NEW) == Created()
        assert proxy.asked[0].path.startswith("http://storage.invalid/upload/")


class TestWithAnIdentity:
    """With a service account's key, and a token service that the test speaks for."""

    @pytest.fixture
    def google(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[CannedServer]:
        with CannedServer(self.takes_the_token) as google:
            monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
            monkeypatch.setenv("API_ENDPOINT_OVERRIDE", google.url)
            self.use_key(monkeypatch, tmp_path, token_uri=f"{google.url}/token")
            yield google

    @staticmethod
    def takes_the_token(asked: Asked) -> Answer:
        if asked.path == "/token":
            return Answer.of_json(200, {"access_token": "the-token", "expires_in": 3600, "token_type": "Bearer"})
        allowed = asked.headers.get("authorization") == "Bearer the-token"
        return Answer.of_json(200, OBJECT) if allowed else failure(401, "Anonymous caller")

    @staticmethod
    def use_key(monkeypatch: pytest.MonkeyPatch, folder: Path, token_uri: str) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        account = {
            "type": "service_account",
            "client_email": "stream@project.iam.gserviceaccount.com",
            "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "token_uri": token_uri,
        }
        (folder / "key.json").write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(folder / "key.json"))

    def test_the_token_is_sent(self, google: CannedServer) -> None:
        assert open_objects("gs://bucket").create(NEW) == Created()

    def test_a_token_service_that_says_no_is_refused(self, google: CannedServer) -> None:
        google.answer = lambda _: Answer.of_json(400, {"error": "invalid_grant", "error_description": "s3cret"})
        with pytest.raises(
            StoreRefused, match="gs://bucket: Google gives these credentials no access token"
        ) as refused:
            open_objects("gs://bucket").check()
        assert "s3cret" not in str(refused.value)

    def test_a_token_service_out_of_reach_is_unavailable(
        self, google: CannedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        self.use_key(monkeypatch, tmp_path, token_uri=f"http://127.0.0.1:{free_port()}/token")
        with pytest.raises(StoreUnavailable, match="no access token could be had now"):
            open_objects("gs://bucket").check()

    def test_a_token_that_is_not_accepted_is_refused_and_not_shown(self, google: CannedServer) -> None:
        google.answer = lambda asked: self.takes_the_token(asked) if asked.path == "/token" else failure(401)
        with pytest.raises(StoreRefused, match="its credentials are not accepted") as refused:
            open_objects("gs://bucket").create(NEW)
        assert "the-token" not in repr(refused.value)

    @pytest.mark.parametrize("content", [None, "not json", '{"type": "service_account"}'])
    def test_a_key_that_cannot_be_read_is_refused_at_once(
        self, google: CannedServer, tmp_path: Path, content: str | None
    ) -> None:
        (tmp_path / "key.json").unlink()
        if content:
            (tmp_path / "key.json").write_text(content)
        with pytest.raises(StoreRefused, match="gs://bucket: no usable Google credentials: run gcloud auth") as refused:
            open_objects("gs://bucket")
        assert f"{tmp_path / 'key.json'} is none that can be read" in str(refused.value)
